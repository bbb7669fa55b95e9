"""One load by Python's torch, or safetensors, in a process of its own: what fresh_load.cc is for
hardload.

usage: torch_load.py CASE FILE PRIMED_BYTES
       torch_load.py write-FORMAT FILE TARGET      safetensors or legacy; prints the digest

Cases: load, mmap, meta; load-into, mmap-into: with load_state_dict into a module, whose memory is
initialised, or -untouched behind the case; load-file, safe-open: of safetensors. The clock runs from the call until every page has been
read. Prints a line of JSON.
"""

import ctypes
import json
import mmap
import sys
import threading
import time

import safetensors
import safetensors.torch
import torch


def prime_memory(size):
    """As bench/machine.h."""
    if size == 0:
        return
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    ctypes.memset(ctypes.addressof(ctypes.c_char.from_buffer(memory)), 1, size)
    # Freed with the last reference to it, the one that from_buffer held.


def anonymous_memory():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon"))


class PeakMemory:
    def __enter__(self):
        self.before, self.peak, self.stop = anonymous_memory(), 0, False
        self.thread = threading.Thread(target=self.sample)
        self.thread.start()
        return self

    def sample(self):
        while not self.stop:
            self.peak = max(self.peak, anonymous_memory())
            time.sleep(0.005)

    def __exit__(self, *_):
        self.stop = True
        self.thread.join()
        self.bytes = max(self.peak, anonymous_memory()) - self.before


def model_for(path, initialised):
    model = torch.nn.Module()
    for name, tensor in torch.load(path, map_location="meta").items():
        values = (torch.full(tensor.shape, 0.5) if initialised else torch.empty(tensor.shape))
        model.register_parameter(name, torch.nn.Parameter(values, requires_grad=False))
    return model


def touch(tensors):
    """Reads a byte of every page."""
    for tensor in tensors:
        if tensor.numel() * tensor.element_size() >= 4096:
            tensor.detach().view(torch.uint8).view(-1)[::4096].sum()


def digest(tensors):
    total = 0
    for number, tensor in enumerate(tensors, 1):
        total += number * int(tensor.detach().view(torch.int64).sum())
    return total % 2**64


def write(form, path, target):
    tensors = torch.load(path)
    if form == "safetensors":
        safetensors.torch.save_file(tensors, target)
        tensors = safetensors.torch.load_file(target)
    else:
        torch.save(tensors, target, _use_new_zipfile_serialization=False)
    print(digest(tensors.values()))


def safe_open(path):
    """The names, in their order; as in its documentation, nothing else is asked for."""
    with safetensors.safe_open(path, framework="pt") as file:
        return list(file.keys())


def load(case, path, options):
    if case == "load-file":
        return safetensors.torch.load_file(path)
    if case == "safe-open":
        return safe_open(path)
    return torch.load(path, **options)


def main():
    case, path = sys.argv[1:3]
    if case.startswith("write-"):
        return write(case.removeprefix("write-"), path, sys.argv[3])
    primed, lists = int(sys.argv[3]), case in ("meta", "safe-open")
    model = model_for(path, "untouched" not in case) if "into" in case else None
    options = {"mmap": True} if case.startswith("mmap") else {}
    if case == "meta":
        options["map_location"] = "meta"
    prime_memory(primed)
    with PeakMemory() as memory:
        cpu, start = time.process_time(), time.perf_counter()
        loaded = load(case, path, options)
        if model is not None:
            model.load_state_dict(loaded)
            loaded = dict(model.named_parameters())
        if not lists:
            touch(loaded.values())
        seconds = time.perf_counter() - start
    with open("/proc/self/stat") as stat, open("/proc/uptime") as uptime:
        ticks = int(stat.read().rpartition(")")[2].split()[19])
        from_exec = float(uptime.read().split()[0]) - ticks / 100
    whole = [] if lists else list(loaded.values())
    print(json.dumps({
        "seconds": seconds, "from_exec": from_exec, "cpu": time.process_time() - cpu,
        "memory": memory.bytes, "digest": None if lists else digest(whole)}))
    return None


if __name__ == "__main__":
    main()
