#!/usr/bin/env python3
"""Peer of `deepcluster bench ps`: gloo's all-reduce between processes on loopback, as torch.distributed has it.

Work: {"parameters", "ranks", "dtype": "float32" | "bf16"}. Each rank is a process with one thread for PyTorch. A run is timed
in the ranks, from a barrier to the end of the sum; the slowest counts. The sum is checked. There is no optimizer step, and
nothing but gradients moves. Ranks live on from one work to the next, so that both types can be measured by turns.
"""
import argparse
import os
import time

import line_protocol

try:
    import torch
    import torch.distributed as dist
    import torch.multiprocessing as mp
except ImportError:
    line_protocol.missing("torch")

HOST = "127.0.0.1"
DTYPES = {"float32": "float32", "bf16": "bfloat16"}


def rank_main(rank, ranks, parameters, threads, port, requests):
    """A rank: sums the vector of the type that it is sent, and sends back the seconds, or the error."""
    torch.set_num_threads(threads)
    store = dist.TCPStore(HOST, port, is_master=False)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=ranks)
    vectors = {}
    while True:
        try:
            dtype = requests.recv()
        except EOFError:
            return  # the parent is gone
        try:
            if dtype not in vectors:
                vectors[dtype] = torch.empty(parameters, dtype=getattr(torch, DTYPES[dtype]))
            requests.send(all_reduce(vectors[dtype], rank, ranks))
        except Exception as error:
            requests.send(f"rank {rank}: {type(error).__name__}: {error}")


def all_reduce(vector, rank, ranks):
    vector.fill_(rank + 1)
    dist.barrier()
    begin = time.perf_counter()
    dist.all_reduce(vector)
    seconds = time.perf_counter() - begin
    expected = ranks * (ranks + 1) / 2
    for got in (vector[0].item(), vector[-1].item()):
        if abs(got - expected) > 0.01 * expected:
            raise ValueError(f"expected the sum {expected}, got {got}")
    return seconds


class Ranks:
    """The processes of one number of ranks and parameters."""

    def __init__(self, ranks, parameters, threads):
        self.shape = (ranks, parameters)
        self.warm = set()
        context = mp.get_context("spawn")
        # By which ranks find each other; on a port that is free.
        self.store = dist.TCPStore(HOST, 0, is_master=True, wait_for_workers=False)
        self.pipes, self.processes = [], []
        for rank in range(ranks):
            ours, theirs = context.Pipe()
            arguments = (rank, ranks, parameters, threads, self.store.port, theirs)
            process = context.Process(target=rank_main, args=arguments, daemon=True)
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)

    def run(self, dtype):
        for pipe in self.pipes:
            pipe.send(dtype)
        replies = [pipe.recv() for pipe in self.pipes]
        for reply in replies:
            if isinstance(reply, str):
                raise RuntimeError(reply)
        return max(replies)

    def warm_up(self, dtype):
        if dtype not in self.warm:
            self.run(dtype)
        self.warm.add(dtype)

    def close(self):
        for pipe in self.pipes:
            pipe.close()
        for process in self.processes:
            process.join()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, required=True)
    threads = parser.parse_args().threads
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    current = None

    def prepare(work):
        nonlocal current
        shape = (work["ranks"], work["parameters"])
        if current is None or current.shape != shape:
            if current is not None:
                current.close()
            current = Ranks(*shape, threads)
        current.warm_up(work["dtype"])
        name = f"gloo of PyTorch {torch.__version__}, all-reduce in {work['dtype']}, {work['ranks']} ranks"
        return name, lambda: current.run(work["dtype"])

    line_protocol.serve(prepare)
    if current is not None:
        current.close()


if __name__ == "__main__":
    main()
