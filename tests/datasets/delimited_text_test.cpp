// Delimited records: RFC 4180, and rows without quotes.
#include "datasets/delimited_text.h"

#include "tests/datasets/samples.h"

namespace {

using namespace clipdex::tests;
using clipdex::datasets::DelimitedText;
using clipdex::datasets::Quoting;
using Fields = std::vector<std::string>;

std::vector<DelimitedText::Record> records_of(const std::string& content, Quoting quoting = Quoting::kRfc4180,
                                              std::size_t bytes_max = 1000) {
  const TemporaryDirectory directory;
  DelimitedText text(write(directory.path() / "t.csv", content), ',', bytes_max, quoting);
  std::vector<DelimitedText::Record> records;
  while (auto record = text.next()) records.push_back(std::move(*record));
  return records;
}

}  // namespace

TEST_CASE("a quoted field holds delimiters, line ends and doubled quotes, and a record has the number of its first line") {
  const auto records = records_of(
      "\xEF\xBB\xBF"
      "a,b\r\n\"x, \"\"y\"\"\r\nz\",\r\n\r\nlast,1");
  REQUIRE(records.size() == 3);
  CHECK(records[0].fields == Fields{"a", "b"});
  CHECK(records[1].fields == Fields{"x, \"y\"\nz", ""});
  CHECK(records[2].fields == Fields{"last", "1"});
  CHECK(records[1].line == 2);
  CHECK(records[2].line == 5);
}

TEST_CASE("without quoting, quotes are characters and a record is a line") {
  const auto records = records_of("\"a,b\n\"c\" d,e\n", Quoting::kNone);
  REQUIRE(records.size() == 2);
  CHECK(records[0].fields == Fields{"\"a", "b"});
  CHECK(records[1].fields == Fields{"\"c\" d", "e"});
}

TEST_CASE("a bad record is an error by itself, and the next one follows it") {
  const auto records = records_of("\"a\"b,c\n" + std::string(2000, 'x') + "\n1,2\n\"open\n");
  REQUIRE(records.size() == 4);
  CHECK(contains(records[0].error, "quotes within a field are doubled"));
  CHECK(contains(records[1].error, "more than 1000 bytes"));
  CHECK(records[2].error.empty());
  CHECK(records[2].fields == Fields{"1", "2"});
  CHECK(contains(records[3].error, "never closed"));
}

TEST_CASE("a quote that is not closed within the limit ends there, not with the file") {
  std::string content = "\"open\n";
  for (int i = 0; i < 100; ++i) content += "0123456789\n";
  const auto records = records_of(content + "a,b\n", Quoting::kRfc4180, 200);
  REQUIRE(records.size() > 2);
  CHECK(contains(records.front().error, "not closed within 200 bytes"));
  CHECK(records.back().fields == Fields{"a", "b"});
}

TEST_CASE("a record of more than 4,096 fields is an error") {
  const auto records = records_of(std::string(4095, ',') + "\n" + std::string(4096, ',') + "\n", Quoting::kRfc4180, 10'000);
  REQUIRE(records.size() == 2);
  CHECK(records[0].fields.size() == 4096);
  CHECK(contains(records[1].error, "4096 fields"));
}
