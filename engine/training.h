// Training's public face for the folders above the engine, which never include encoder/ themselves.
#pragma once

#include "encoder/training/bpe_trainer.h"
#include "encoder/training/trainer.h"

namespace clipdex::engine {

using training::BpeTrainer;
using training::DataSource;
using training::Device;
using training::kVocabularyMin;
using training::Precision;
using training::Recalls;
using training::StepMetrics;
using training::train;
using training::TrainingEvents;
using training::TrainingOptions;
using training::TrainingResult;

}  // namespace clipdex::engine
