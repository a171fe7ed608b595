# cmake -DFILES=... -DDIRECTORY=... -DOUTPUT=... -P embed.cmake: the files as a C++ source that defines what http/web_files.h declares.
set(arrays "")
set(table "")
set(number 0)
foreach(name IN LISTS FILES)
  file(READ "${DIRECTORY}/${name}" content HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," content "${content}")
  string(APPEND arrays "constexpr unsigned char kFile${number}[] = {${content}0};\n")
  string(APPEND table "    {\"${name}\", {reinterpret_cast<const char*>(kFile${number}), sizeof kFile${number} - 1}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUTPUT}" "#include \"http/web_files.h\"\n
namespace clipdex::http {\nnamespace {\n${arrays}\nconst WebFile kFiles[] = {\n${table}};\n}  // namespace\n
std::optional<std::string_view> web_file(std::string_view name) {
  for (const auto& file : kFiles) {
    if (file.name == name) return file.content;
  }
  return std::nullopt;
}\n\n}  // namespace clipdex::http\n")
