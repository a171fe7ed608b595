// "clipdex ingest" of webdataset tars: members grouped by key, broken archives, ranges of shards.
#include <catch2/catch_test_macros.hpp>

#include "tests/cli/collections.h"
#include "tests/datasets/tar_files.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;

TarEntry picture(const std::string& name, const std::string& of) { return {.name = name, .bytes = gallery_file(of), .link = {}}; }
TarEntry text(const std::string& name, const std::string& bytes) { return {.name = name, .bytes = bytes, .link = {}}; }

// The records of a collection, by id.
std::map<std::string, json> records_of(const std::vector<std::string>& target) {
  std::map<std::string, json> records;
  for (auto& record : output_of(with({"list", "--json"}, target))) records[record.at("id")] = record;
  return records;
}

void check_shard(const fs::path& scratch, const std::vector<std::string>& target) {
  const auto shard = write_tar(scratch / "shard-000000.tar", {{.name = "./", .bytes = {}, .type = '5', .link = {}},
                                                              picture("./000.png", "lemon.png"),
                                                              text("./000.json", R"({"caption":"a lemon","year":2024,"nested":{"a":[1]}})"),
                                                              text("./000.txt", "another caption\n"),
                                                              text("a/001.txt", "飞机\n"),
                                                              picture("a/001.PNG", "airplane.png"),
                                                              text("a/001.cls", "7\n"),
                                                              text("a/001.npy", "of another kind"),
                                                              picture("002.left.png", "pizza.png"),
                                                              picture("002.right.png", "rocket.png"),
                                                              text("002.cls", "food"),
                                                              picture(".hidden.png", "tomato.png"),
                                                              text("README", "no key")});
  const auto ingest = with({"ingest", shard.string(), "--json"}, target);
  auto outcome = run_clipdex(ingest);
  CAPTURE(outcome.error);
  CHECK(outcome.exit_code == 0);
  CHECK(contains(outcome.error, "4 images in"));
  auto records = records_of(target);
  REQUIRE(records.size() == 4);
  CHECK(records.at("000").at("metadata") == json{{"caption", "a lemon"}, {"year", 2024}, {"nested", {{"a", {1}}}}});
  CHECK(records.at("000").at("source") == "shard-000000.tar/./000.png");
  CHECK(records.at("a/001").at("metadata") == json{{"caption", "飞机"}, {"class", 7}});
  CHECK(records.at("002.left").at("metadata") == json{{"class", "food"}});
  CHECK(records.at("002.right").at("metadata") == json{{"class", "food"}});
  CHECK(ids_of(output_of(with({"search", "rocket", "-n", "1", "--json"}, target))) == Ids{"002.right"});
  outcome = run_clipdex(ingest);
  CHECK(outcome.exit_code == 0);
  CHECK(contains(outcome.error, "0 created, 0 updated, 4 unchanged, 0 failed"));
}

// An ingest of which something fails: what it says, and its error file's lines.
struct Failures {
  Outcome outcome;
  std::vector<json> errors;
};

Failures ingest_with_errors(const fs::path& scratch, const std::vector<std::string>& inputs, int exit_code = 3) {
  const auto file = scratch / "errors.jsonl";
  Failures failures{
      .outcome = run_clipdex(with({"ingest", "--json", "--errors", file.string(), "--data", (scratch / "data").string()}, inputs)),
      .errors = json_lines(read_file(file))};
  CAPTURE(failures.outcome.error);
  CHECK(failures.outcome.exit_code == exit_code);
  return failures;
}

}  // namespace

TEST_CASE("a shard's members are pictures with the metadata of their key, in a data directory") {
  const TemporaryDirectory directory;
  check_shard(directory.path(), {"--data", (directory.path() / "data").string()});
}

TEST_CASE("a shard's members are pictures with the metadata of their key, on a server") {
  const TemporaryDirectory directory;
  const RunningServer server(directory.path() / "data");
  check_shard(directory.path(), {"--server", server.url()});
}

TEST_CASE("a range in braces names all shards, compressed ones too, and a missing one is said before anything is done") {
  const TemporaryDirectory directory;
  const auto data = (directory.path() / "data").string();
  int number = 8;
  for (const auto* name : {"lemon.png", "pizza.png", "rocket.png"}) {
    char file[32];
    std::snprintf(file, sizeof file, "shard-%06d.tar", number++);
    write_tar(directory.path() / file, {picture(std::string("key-") + name, name)});
    run_shell("gzip '" + (directory.path() / file).string() + "'");
  }
  const auto range = [&](const std::string& numbers) { return (directory.path() / ("shard-{" + numbers + "}.tar.gz")).string(); };
  const auto missing = run_clipdex({"ingest", range("000008..000011"), "--data", data});
  CHECK(missing.exit_code == 2);
  CHECK(contains(missing.error, "shard-000011.tar.gz"));
  CHECK(!fs::exists(data));
  const auto lines = output_of({"ingest", range("000008..000010"), "--json", "--data", data});
  CHECK(ids_of(lines) == Ids{"key-lemon", "key-pizza", "key-rocket"});
}

TEST_CASE("with --id-from hash a shard's pictures have their content hashes for ids") {
  const TemporaryDirectory directory;
  const auto shard = write_tar(directory.path() / "s.tar", {picture("000.png", "lemon.png"), picture("\xFF.png", "pizza.png")});
  const auto lines = output_of({"ingest", shard.string(), "--id-from", "hash", "--json", "--data", (directory.path() / "data").string()});
  REQUIRE(lines.size() == 2);
  for (const auto& line : lines) CHECK(line.at("id").get<std::string>().size() == 32);
}

TEST_CASE("bad members of a shard fail one by one, are listed in the error file, and leave the others alone") {
  const TemporaryDirectory directory;
  const auto shard = write_tar(directory.path() / "bad.tar", {picture("good.png", "lemon.png"),
                                                              text("cut.png", gallery_file("rocket.png").substr(0, 300)),
                                                              {.name = "link.png", .bytes = {}, .type = '2', .link = "/etc/passwd"},
                                                              picture("json.png", "pizza.png"),
                                                              text("json.json", "[1]"),
                                                              picture("latin.png", "tomato.png"),
                                                              text("latin.txt", "caf\xE9"),
                                                              text("alone.json", "{}"),
                                                              picture("\xFF.png", "airplane.png"),
                                                              picture("same.png", "basket.png"),
                                                              picture("same.PNG", "avocado.png"),
                                                              picture("../../outside.png", "red-apple.png")});
  const auto [outcome, errors] = ingest_with_errors(directory.path(), {shard.string()});
  CHECK(fates(outcome) == Fates{{"bad.tar/good.png", "created"},
                                {"bad.tar/cut.png", "corrupt_image"},
                                {"bad.tar/link.png", "unreadable_file"},
                                {"bad.tar/json.png", "invalid_metadata"},
                                {"bad.tar/latin.png", "invalid_metadata"},
                                {"bad.tar/alone.json", "no_image"},
                                {"bad.tar/\uFFFD.png", "invalid_id"},
                                {"bad.tar/same.png", "created"},
                                {"bad.tar/same.PNG", "duplicate_id"},
                                {"bad.tar/../../outside.png", "created"}});
  REQUIRE(errors.size() == 7);
  CHECK(errors[0].at("input") == shard.string() + "/cut.png");
  CHECK(errors[0].at("id") == "cut");
  CHECK(errors[0].at("code") == "corrupt_image");
  CHECK(!errors[0].at("error").get<std::string>().empty());
  CHECK(contains(errors[2].at("error"), "json.json is not a JSON object"));
  CHECK(errors[4].at("id").is_null());
  CHECK(contains(outcome.error, "errors.jsonl"));
  CHECK(!fs::exists(directory.path().parent_path() / "outside.png"));
}

TEST_CASE("of a shard that is cut off, what came before is kept, and the rest is reported with its offset") {
  const TemporaryDirectory directory;
  const auto data = directory.path() / "data";
  const std::string whole = tar_members({picture("000.png", "lemon.png"), text("000.txt", "a lemon"), picture("001.png", "pizza.png")});
  const auto shard = directory.path() / "cut.tar";
  std::ofstream(shard, std::ios::binary) << whole.substr(0, whole.size() - 1000);
  const auto [outcome, errors] = ingest_with_errors(directory.path(), {shard.string()});
  CHECK(fates(outcome) == Fates{{"cut.tar/000.png", "created"}, {"cut.tar", "broken_archive"}});
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].at("input") == shard.string());
  CHECK(contains(errors[0].at("error"), "at byte "));
  CHECK(records_of({"--data", data.string()}).at("000").at("metadata") == json{{"caption", "a lemon"}});
}

TEST_CASE("shards that are damaged, cut within their compression, or none at all are reported, and other shards go on") {
  const TemporaryDirectory directory;
  const auto good = write_tar(directory.path() / "good.tar", {picture("good.png", "lemon.png")});
  std::string members = tar_members({picture("a.png", "pizza.png"), picture("b.png", "rocket.png")});
  const auto second = tar_members({picture("a.png", "pizza.png")}).size();
  members[second + 5] ^= 1;  // in the second header
  std::ofstream(directory.path() / "damaged.tar", std::ios::binary) << members << std::string(1024, '\0');
  std::ofstream(directory.path() / "text.tar") << std::string(5000, 'x');
  std::ofstream(directory.path() / "empty.tar") << "";
  write_tar(directory.path() / "nothing.tar", {text("notes.md", "no picture")});
  fs::create_directory(directory.path() / "folder.tar");
  write_tar(directory.path() / "z.tar", {picture("c.png", "tomato.png"), picture("d.png", "airplane.png")});
  run_shell("cd '" + directory.path().string() + "' && gzip z.tar && head -c 900 z.tar.gz > cut.tar.gz");
  std::vector<std::string> inputs;
  for (const auto* name : {"damaged.tar", "text.tar", "empty.tar", "nothing.tar", "cut.tar.gz", "good.tar"})
    inputs.push_back((directory.path() / name).string());
  const auto [outcome, errors] = ingest_with_errors(directory.path(), inputs);
  const auto all = fates(outcome);
  CHECK(all.at("good.tar/good.png") == "created");
  CHECK(all.at("damaged.tar/a.png") == "created");
  CHECK(all.at("damaged.tar") == "broken_archive");
  CHECK(all.at("text.tar") == "broken_archive");
  CHECK(all.at("nothing.tar") == "no_image");
  CHECK(all.at("cut.tar.gz") == "broken_archive");
  CHECK((all.at("empty.tar") == "no_image" || all.at("empty.tar") == "broken_archive"));
  CHECK(errors.size() == 5);
}

TEST_CASE("a member that is larger than the limit fails, whatever its header says, and its neighbours do not") {
  const TemporaryDirectory directory;
  const auto shard = write_tar(directory.path() / "s.tar",
                               {text("large.png", std::string(200'000, 'x')), picture("small.png", "lemon.png"),
                                picture("other.png", "rocket.png"), text("other.json", "{\"a\":\"" + std::string(2 << 20, 'x') + "\"}")});
  const RunningServer server(directory.path() / "data", {"--max-body", "100000"});
  const auto outcome = run_clipdex({"ingest", shard.string(), "--json", "--server", server.url()});
  CAPTURE(outcome.error);
  CHECK(outcome.exit_code == 3);
  CHECK(fates(outcome) ==
        Fates{{"s.tar/large.png", "image_too_large"}, {"s.tar/small.png", "created"}, {"s.tar/other.png", "invalid_metadata"}});
}

TEST_CASE("an id that comes again in another shard with another picture fails instead of replacing the first") {
  const TemporaryDirectory directory;
  const auto a = write_tar(directory.path() / "a.tar", {picture("000.png", "lemon.png")});
  const auto b = write_tar(directory.path() / "b.tar", {picture("000.png", "rocket.png")});
  const auto [outcome, errors] = ingest_with_errors(directory.path(), {a.string(), b.string(), a.string()});
  CHECK(fates(outcome) == Fates{{"a.tar/000.png", "unchanged"}, {"b.tar/000.png", "duplicate_id"}});
  CHECK(errors.at(0).at("input") == b.string() + "/000.png");
}

TEST_CASE("names in a shard are read as UTF-8 in any locale, in old and new tar formats") {
  const TemporaryDirectory directory;
  const auto pictures = copy_pictures(directory.path() / "图片", {"lemon.png"});
  for (const auto* format : {"ustar", "gnu", "pax"}) {
    const auto shard = directory.path() / (std::string(format) + ".tar");
    run_shell("cd '" + directory.path().string() + "' && tar --format=" + format + " -cf '" + shard.string() + "' 图片");
    const auto data = directory.path() / ("data-" + std::string(format));
    const auto outcome = run_clipdex({"ingest", shard.string(), "--json", "--data", data.string()}, {"LC_ALL=C"});
    CAPTURE(format, outcome.error);
    CHECK(outcome.exit_code == 0);
    CHECK(ids_of(json_lines(outcome.out)) == Ids{"图片/lemon"});
  }
}
