// Brings a store of an older format version to this one. Private to storage/.
#pragma once

#include "storage/database.h"

namespace clipdex::storage {

// Version 1 to 2: rewrites the records with checksums, in batches, so that it goes on where it was interrupted; a program that reads
// version 1 alone refuses the store once it has begun. Does nothing to other versions.
void upgrade_format(const Database& database);

}  // namespace clipdex::storage
