// Tables as training data: open_clip's, Flickr30k's, and others.
#include "tests/datasets/samples.h"

namespace {

using namespace clipdex::tests;

struct Row {
  std::string file;
  Captions captions;
  bool operator==(const Row&) const = default;
};
using Rows = std::vector<Row>;

// The files' own names with their captions; errors are left out.
Rows rows_of(const std::vector<CaptionedImage>& samples) {
  Rows rows;
  for (const auto& sample : good(samples)) rows.push_back({sample.file.filename().string(), sample.captions});
  return rows;
}

std::vector<CaptionedImage> read_table(const std::string& name, const std::string& content, const DatasetOptions& options = {}) {
  const TemporaryDirectory directory;
  return samples_of(write(directory.path() / name, content), options);
}

std::string refused_table(const std::string& name, const std::string& content, const DatasetOptions& options = {}) {
  const TemporaryDirectory directory;
  return refusal({write(directory.path() / name, content).string()}, options);
}

}  // namespace

TEST_CASE("open_clip's training table is read: tabs in a .csv, filepath and title") {
  const TemporaryDirectory directory;
  const auto file = write(directory.path() / "train.csv", "filepath\ttitle\nimages/a.jpg\ta cat, sitting\n/b.jpg\t 狗 \n");
  const auto samples = samples_of(file);
  REQUIRE(samples.size() == 2);
  CHECK(samples[0].file == directory.path() / "images/a.jpg");
  CHECK(samples[0].captions == Captions{"a cat, sitting"});
  CHECK(samples[0].where == file.string() + ":2");
  CHECK(samples[0].bytes.empty());
  CHECK(samples[1].file == "/b.jpg");
  CHECK(samples[1].captions == Captions{"狗"});
}

TEST_CASE("a comma-separated table may have quotes, CR LF, a byte order mark and other columns") {
  const auto samples = read_table("list.csv",
                                  "\xEF\xBB\xBFid,image,caption,label\r\n"
                                  "1,a.jpg,\"a \"\"red\"\" cat,\r\nsitting\",cat\r\n\r\n2,b.jpg,,3\r\n");
  CHECK(rows_of(samples) == Rows{{"a.jpg", {"a \"red\" cat,\nsitting"}}, {"b.jpg", {}}});
  REQUIRE(samples.size() == 2);
  CHECK(samples[0].label == "cat");
  CHECK(samples[1].label == "3");
}

TEST_CASE("Flickr30k's results.csv is read: bars with blanks around them, five rows a picture, quotes as they are") {
  std::string content = "image_name| comment_number| comment\n";
  for (const std::string name : {"1.jpg", "2.jpg"}) {
    for (int i = 0; i < 5; ++i)
      content.append(name).append("| ").append(std::to_string(i)).append("| \"A\" man , ").append(std::to_string(i)).append(" .\n");
  }
  content += "3.jpg| 4   A dog runs across the grass .\n3.jpg| 0| \"unclosed\n";  // the file has such a row
  const auto samples = read_table("results.csv", content);
  CHECK(rows_of(samples) == Rows{{"1.jpg", {"\"A\" man , 0 .", "\"A\" man , 1 .", "\"A\" man , 2 .", "\"A\" man , 3 .", "\"A\" man , 4 ."}},
                                 {"2.jpg", {"\"A\" man , 0 .", "\"A\" man , 1 .", "\"A\" man , 2 .", "\"A\" man , 3 .", "\"A\" man , 4 ."}},
                                 {"3.jpg", {"\"unclosed"}}});
  CHECK(errors_of(samples) == std::vector<std::string>{"results.csv:12 the row has 2 fields, and the header 3"});
}

TEST_CASE("rows of one picture are one sample only where they follow one another, and a bad row between them changes nothing") {
  const auto samples = read_table("list.tsv", "file\tcaption\na.jpg\tone\na.jpg\t \na.jpg\ttwo\na.jpg\tone\nb.jpg\tthree\na.jpg\tfour\n");
  CHECK(rows_of(samples) == Rows{{"a.jpg", {"one", "two"}}, {"b.jpg", {"three"}}, {"a.jpg", {"four"}}});
  CHECK(errors_of(samples) == std::vector<std::string>{"list.tsv:3 its caption is empty"});
}

TEST_CASE("rows of one picture with different labels are different samples") {
  const auto samples = read_table("list.csv", "file,caption,class\na.jpg,one,x\na.jpg,two,y\n");
  CHECK(rows_of(samples) == Rows{{"a.jpg", {"one"}}, {"a.jpg", {"two"}}});
}

TEST_CASE("the separator is the one asked for, else a .tsv's tab, else what the header holds") {
  CHECK(rows_of(read_table("l.txt", "image,caption\na.jpg,x\n")) == Rows{{"a.jpg", {"x"}}});
  CHECK(rows_of(read_table("l.txt", "image|caption\na.jpg|x, y\n")) == Rows{{"a.jpg", {"x, y"}}});
  CHECK(rows_of(read_table("l.tsv", "image\tcaption\tx,y|z\na.jpg\tx\ty\n")) == Rows{{"a.jpg", {"x"}}});
  CHECK(rows_of(read_table("l.csv", "image;caption\na.jpg;x, y\n", {.separator = ';'})) == Rows{{"a.jpg", {"x, y"}}});
  CHECK(rows_of(read_table("l.tsv", "image,caption\na.jpg,x\n", {.separator = ','})) == Rows{{"a.jpg", {"x"}}});
}

TEST_CASE("columns that are asked for by name are taken instead, captions from all of them that are not empty") {
  const std::string content =
      "filepath,image,title,en,zh,label,kind\nno.jpg,a.jpg,no,apple,苹果,no,fruit\nno.jpg,b.jpg,no,,梨,no,fruit\nn,c.jpg,no,,,no,\n";
  const auto samples = read_table("l.csv", content, {.image_column = "image", .caption_columns = {"en", "zh"}, .label_column = "kind"});
  CHECK(rows_of(samples) == Rows{{"a.jpg", {"apple", "苹果"}}, {"b.jpg", {"梨"}}});
  CHECK(samples.at(0).label == "fruit");
  CHECK(errors_of(samples) == std::vector<std::string>{"l.csv:4 its caption is empty"});
}

TEST_CASE("pictures are found in the root that is given") {
  const TemporaryDirectory directory;
  const auto file = write(directory.path() / "lists/l.csv", "file,caption\na.jpg,x\n");
  CHECK(samples_of(file, {.image_root = directory.path()}).at(0).file == directory.path() / "a.jpg");
  CHECK(samples_of(file).at(0).file == directory.path() / "lists/a.jpg");
  CHECK(contains(refusal({file.string()}, {.image_root = directory.path() / "nowhere"}), "nowhere"));
}

TEST_CASE("bad rows are errors by their lines, and leave the others alone") {
  const auto samples =
      read_table("l.csv", "file,caption\na.jpg,good\nb.jpg\n,no file\nc.jpg,\nd.jpg,caf\xE9\ne.jpg,\"a\"b\nf.jpg," +
                              std::string((64 << 10) + 1, 'x') + "\ng.jpg," + std::string(2 << 20, 'x') + "\nh.jpg,too\ni.jpg,\"open\n");
  CHECK(rows_of(samples) == Rows{{"a.jpg", {"good"}}, {"h.jpg", {"too"}}});
  CHECK(errors_of(samples) ==
        std::vector<std::string>{
            "l.csv:3 the row has 1 fields, and the header 2", "l.csv:4 it names no picture", "l.csv:5 its caption is empty",
            "l.csv:6 its caption is not valid UTF-8: convert the file, for example with iconv",
            "l.csv:7 field 2 goes on behind its closing quote: quotes within a field are doubled",
            "l.csv:8 its caption has 65537 bytes, and 65536 are the limit here", "l.csv:9 it has more than 1048576 bytes",
            "l.csv:11 a quote that is opened here is never closed: everything behind it is skipped"});
}

TEST_CASE("a table that cannot be used is refused with its name and the remedy") {
  CHECK(contains(refused_table("l.csv", ""), "l.csv is empty: its first row names the columns"));
  const auto no_picture = refused_table("l.csv", "url,caption\nx,y\n");
  CHECK(contains(no_picture, "l.csv has no column for pictures"));
  CHECK(contains(no_picture, "it has \"url\", \"caption\"; name the column with --image-column"));
  CHECK(contains(refused_table("l.csv", "file,words\nx,y\n"), "name the column with --caption-column"));
  CHECK(contains(refused_table("l.csv", "file,caption\n", {.image_column = "img"}), "no column \"img\": it has \"file\", \"caption\""));
  CHECK(contains(refused_table("l.csv", "file,caption\n", {.caption_columns = {"caption", "zh"}}), "no column \"zh\""));
  CHECK(contains(refused_table("l.csv", "file,caption\n", {.label_column = "kind"}), "no column \"kind\""));
  CHECK(contains(refused_table("l.csv", "file,caption,caption\n"), "two columns \"caption\""));
  CHECK(contains(refused_table("l.csv", "file,caf\xE9\n"), "is not UTF-8"));
  CHECK(contains(refused_table("l.csv", "file,\"caption\n"), "line 1"));
  CHECK(contains(refused_table("l.csv", std::string(2 << 20, 'x')), "more than 1048576 bytes"));
}

TEST_CASE("a table with a header alone has one error") {
  CHECK(errors_of(read_table("l.csv", "file,caption\n")) == std::vector<std::string>{"l.csv there is no picture in it"});
}
