#include "cli/command.h"

int main(int argc, char** argv) { return clipdex::cli::run(argc, argv); }
