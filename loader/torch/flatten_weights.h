// flatten_weights: puts the weights of a recurrent layer side by side again.
#pragma once

namespace torch::nn {
class Module;
}

namespace hardload {

// cuDNN is faster where an RNN's, LSTM's or GRU's weights are one piece of memory, which they are
// not after each was assigned another. Does nothing for other modules, on the CPU, or where that
// fails: the layer computes the same in pieces.
void flatten_weights(torch::nn::Module& module);

}  // namespace hardload
