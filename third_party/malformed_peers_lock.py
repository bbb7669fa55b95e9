#!/usr/bin/env python3
"""Pins the packages of //bench:malformed, as torch_python_lock.py pins torch.

usage: third_party/malformed_peers_lock.py > third_party/malformed_peers.lock
"""

from torch_python_lock import print_lock

PEERS = ["fickling==0.1.12", "picklescan==1.0.5"]

if __name__ == "__main__":
    print_lock(PEERS, "malformed_peers_lock.py")
