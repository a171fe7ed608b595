// Contrastive pretraining and fine-tuning of a CLIP on one machine (Radford et al. 2021; openai/CLIP and open_clip are the references).
#pragma once

#include "encoder/training/training_options.h"

namespace clipdex::training {

// Trains until all steps are done or `events.stop` says so, and writes into `options.out`:
//   model/            the result, once all steps are done
//   checkpoints/      step-N directories: a model's directory each, with the optimizer's state and the position in the data
//   tokenizer/        of a training from scratch
//   metrics.jsonl, training.svg, bad_samples.jsonl, training.json (the options)
// If there are checkpoints of the same options, it goes on from the newest, and takes the same course as if it had never ended (on the CPU,
// with the same number of threads), but for a recall that a stop broke off.
// Throws std::invalid_argument for options that cannot be, std::runtime_error for everything else: a loss that is no number any more (the
// last good checkpoint stays), a disk that is full, ...
TrainingResult train(const TrainingOptions& options, const TrainingEvents& events = {});

}  // namespace clipdex::training
