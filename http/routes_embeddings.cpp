// OpenAI's embeddings call, with pictures beside texts.
#include "http/base64.h"
#include "http/errors.h"
#include "http/router.h"

namespace clipdex::http {
namespace {

constexpr std::size_t kInputsMax = 2048;  // as OpenAI

struct Inputs {
  std::vector<std::string> texts;
  std::vector<std::size_t> text_positions;
  std::vector<std::string> images;  // files
  std::vector<std::size_t> image_positions;
};

void add_input(Inputs& inputs, const json& value, std::size_t position) {
  const std::string where = "input[" + std::to_string(position) + "]";
  if (value.is_string()) {
    inputs.texts.push_back(value.get<std::string>());
    inputs.text_positions.push_back(position);
    return;
  }
  if (!value.is_object()) throw malformed("\"" + where + "\" is neither a string nor an object with \"text\" or \"image\"");
  const Fields fields(value, where);
  fields.allow({"text", "image"});
  const auto text = fields.text("text");
  auto image = fields.bytes("image");
  if (text.has_value() == image.has_value()) throw malformed("\"" + where + "\" has exactly one of \"text\" and \"image\"");
  if (text) {
    inputs.texts.push_back(*text);
    inputs.text_positions.push_back(position);
  } else {
    inputs.images.push_back(std::move(*image));
    inputs.image_positions.push_back(position);
  }
}

Inputs parse_inputs(const Fields& fields) {
  if (!fields.has("input"))
    throw malformed("\"input\" is missing: a string, or an array of strings and of objects with \"text\" or \"image\"");
  const auto& input = fields["input"];
  Inputs inputs;
  if (!input.is_array()) {
    add_input(inputs, input, 0);
    return inputs;
  }
  if (input.empty()) throw invalid_value("\"input\" is an empty array");
  if (input.size() > kInputsMax) throw invalid_value("\"input\" has " + std::to_string(input.size()) + " elements, and 2048 are the limit");
  for (std::size_t i = 0; i < input.size(); ++i) add_input(inputs, input[i], i);
  return inputs;
}

void check_model(const Fields& fields, const engine::ClipEncoder& encoder) {
  const auto model = fields.text("model");
  if (model && *model != encoder.info().name) {
    throw HttpError(404, "model_not_found", "there is no model \"" + *model + "\" here: \"" + encoder.info().name + "\" is loaded");
  }
  const auto dimensions = fields.count("dimensions");
  if (dimensions && *dimensions != encoder.dimension()) {
    throw invalid_value("\"dimensions\" is " + std::to_string(*dimensions) + ", and the model's embeddings have " +
                        std::to_string(encoder.dimension()));
  }
}

// [inputs] embeddings in the order of the request.
std::vector<std::vector<float>> encode(const Call& call, const Inputs& inputs, std::span<const std::vector<std::int32_t>> tokens) {
  const auto& encoder = call.engine.encoder();
  std::vector<std::vector<float>> embeddings(inputs.texts.size() + inputs.images.size());
  const auto texts = encoder.encode_tokens(tokens);
  for (std::size_t i = 0; i < texts.count; ++i) embeddings[inputs.text_positions[i]].assign(texts.row(i).begin(), texts.row(i).end());
  for (std::size_t i = 0; i < inputs.images.size(); ++i) embeddings[inputs.image_positions[i]] = call.engine.embed_image(inputs.images[i]);
  return embeddings;
}

}  // namespace

void post_embeddings(Call& call) {
  call.allow_parameters({});
  const json body = call.json_body();
  const Fields fields(body, "");
  fields.allow({"input", "model", "encoding_format", "dimensions", "user"});
  const auto& encoder = call.engine.encoder();
  check_model(fields, encoder);
  const auto format = fields.text("encoding_format").value_or("float");
  if (format != "float" && format != "base64")
    throw invalid_value("\"encoding_format\" is \"" + format + "\", and float and base64 are possible");
  const auto inputs = parse_inputs(fields);
  // A model without a tokenizer takes pictures all the same.
  const auto tokens = inputs.texts.empty() ? std::vector<std::vector<std::int32_t>>() : encoder.tokenize(inputs.texts);
  const auto embeddings = encode(call, inputs, tokens);
  json data = json::array();
  for (std::size_t i = 0; i < embeddings.size(); ++i) {
    const auto& values = embeddings[i];
    json embedding = format == "float" ? shortest(values)
                                       : json(encode_base64({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)}));
    data.push_back({{"object", "embedding"}, {"index", i}, {"embedding", std::move(embedding)}});
  }
  std::size_t token_count = 0;
  for (const auto& ids : tokens) token_count += ids.size();
  call.answer(200, {{"object", "list"},
                    {"data", std::move(data)},
                    {"model", encoder.info().name},
                    {"usage", {{"prompt_tokens", token_count}, {"total_tokens", token_count}}}});
}

}  // namespace clipdex::http
