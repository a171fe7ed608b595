// The encoder's public face for the folders above the engine, which never include encoder/ themselves.
#pragma once

#include "encoder/clip_encoder.h"
#include "encoder/compute_device.h"
#include "encoder/image_decoder.h"
#include "encoder/model_conversion.h"
#include "encoder/model_directory.h"
#include "encoder/model_files.h"
#include "encoder/model_info.h"
#include "encoder/preprocessing.h"
#include "encoder/thumbnail.h"
#include "encoder/tokenizer.h"

namespace clipdex::engine {

using encoder::activation_name;
using encoder::ClipConfig;
using encoder::ClipEncoder;
using encoder::ComputeDevice;
using encoder::ComputePrecision;
using encoder::Conversion;
using encoder::ConversionOptions;
using encoder::convert_model;
using encoder::CoreBudget;
using encoder::decode_image;
using encoder::DecodeOptions;
using encoder::describe;
using encoder::DeviceKind;
using encoder::Embeddings;
using encoder::EncoderOptions;
using encoder::Image;
using encoder::image_format_name;
using encoder::ImageBatch;
using encoder::ImageLimits;
using encoder::inspect_model;
using encoder::InspectedModel;
using encoder::is_checkpoint;
using encoder::make_thumbnail;
using encoder::ModelInfo;
using encoder::name_of;
using encoder::open_model;
using encoder::precision_of;
using encoder::preprocess;
using encoder::preprocess_into;
using encoder::Preprocessing;
using encoder::reduced_decoding;
using encoder::TensorType;
using encoder::TextCleaning;
using encoder::ThumbnailOptions;
using encoder::Tokenizer;
using encoder::Urgency;
using encoder::VisionKind;
using encoder::whole_height;
using encoder::whole_width;

}  // namespace clipdex::engine
