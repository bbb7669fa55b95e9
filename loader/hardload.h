// hardload: checkpoints of torch.save in LibTorch, safely and fast.
//
//   #include "loader/hardload.h"
//
//   torch::nn::Linear net(784, 10);
//   auto checkpoint = hardload::load("model.pth", {.map_location = "cpu"}).value();
//   hardload::load_state_dict(*net, checkpoint.state_dict().value()).value();
//   net->eval();
//
// How a file becomes a module, one line a stage (HACKING.md has the picture):
//
//   bytes/       where the bytes come from: a file, a mapping, memory
//   container/   which records the archive holds, and where each lies
//   pickle/      what the saved object is, as data: nothing is run
//   manifest/    which tensors and storages there are, all proved to fit
//   match/       which key goes to which parameter
//   place/       which device each storage goes to
//   transfer/    every byte moved once, its CRC-32 compared
//   torch/       at::Tensor and nn::Module
//
// Errors are values: result.ok(), result.error().display(); or .value(), which throws BadFile.
#pragma once

#include "loader/base/limits.h"
#include "loader/base/result.h"
#include "loader/base/version.h"
#include "loader/match/diagnose.h"
#include "loader/torch/checkpoint.h"
#include "loader/torch/load.h"
#include "loader/torch/load_into.h"
#include "loader/torch/load_state_dict.h"
#include "loader/torch/module_state.h"
#include "loader/torch/optimizer_state.h"
#include "loader/torch/save.h"
#include "loader/torch/state_dict.h"
#include "loader/torch/tree.h"
