#!/usr/bin/env python3
"""Compares hangup with the tools that read the same bytes.

    cargo build --release && benches/compare.py [--size 64M] [--runs 5] [--open 1000] [CASE...]

Each CASE (a fixture: Ethernet, IPv4, pcap) is repeated with other client addresses up to SIZE, so many
copies interleaved at a time as --open says. The right answer is that of one copy, times the copies; it
is checked before anything is timed. CPU is user + system time of the whole process, the median of the
runs, which take turns: on a busy machine the ratios hold where the seconds do not.
"""

import argparse
import collections
import json
import pathlib
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
HANGUP = ROOT / "target" / "release" / "hangup"
CASES = ["two-clients", "large-messages"]
IPV4 = b"\x08\x00"


def records(pcap):
    """The packets of a little-endian pcap with microseconds, each with its record header."""
    magic, link = struct.unpack_from("<I16xI", pcap)
    if (magic, link) != (0xA1B2C3D4, 1):
        sys.exit("only Ethernet pcaps can be repeated")
    at = 24
    while at < len(pcap):
        (length,) = struct.unpack_from("<I", pcap, at + 8)
        yield bytearray(pcap[at : at + 16 + length])
        at += 16 + length


def replicate(source, target, size, at_a_time):
    """Writes copies of `source` up to `size` bytes; how many there are."""
    pcap = source.read_bytes()
    packets = [packet for packet in records(pcap) if packet[28:30] == IPV4]
    client = bytes(packets[0][42:46])
    places = [[at for at in (42, 46) if packet[at : at + 4] == client] for packet in packets]
    times = [struct.unpack_from("<II", packet) for packet in packets]
    span = times[-1][0] - times[0][0] + 1
    copies = max(1, size // sum(map(len, packets)))
    with target.open("wb") as out:
        out.write(pcap[:24])
        for first in range(0, copies, at_a_time):
            later = first // at_a_time * span
            block = range(first, min(first + at_a_time, copies))
            addresses = [struct.pack(">I", 0x0B000000 + copy) for copy in block]
            for packet, at, (seconds, micros) in zip(packets, places, times):
                struct.pack_into("<II", packet, 0, seconds + later, micros)
                for address in addresses:
                    for place in at:
                        packet[place : place + 4] = address
                    out.write(packet)
    return copies


def answer(capture):
    """How often each verdict was given."""
    out = subprocess.run(
        [HANGUP, "read", "-q", "--format", "jsonl", capture], capture_output=True, check=True
    ).stdout
    verdicts = collections.Counter()
    for line in out.splitlines():
        record = json.loads(line)
        if record["type"] == "session":
            verdicts[record["state"], record["code"], record["closer"], record["cause"]] += 1
    return verdicts


def run(command):
    """CPU seconds, and the peak of memory in MB."""
    # Not wait4: its peak is that of this script, from which the process was forked.
    with tempfile.NamedTemporaryFile("r") as used:
        timed = ["/usr/bin/time", "-f", "%U %S %M", "-o", used.name, *command]
        subprocess.run(timed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        user, system, peak = map(float, used.read().split())
    return user + system, peak / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=CASES, metavar="CASE")
    parser.add_argument("--size", default="64M")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--open", type=int, default=1000)
    parser.add_argument("--tshark", action="store_true", help="once, and slow")
    options = parser.parse_args()
    size = int(options.size.rstrip("MG")) << {"M": 20, "G": 30}.get(options.size[-1], 0)
    print(f"{'capture':<28}{'copies':>9}  {'tool':<16}{'CPU s':>8}{'ratio':>8}{'peak MB':>9}")
    for case in options.cases:
        with tempfile.TemporaryDirectory() as folder:
            source, capture = ROOT / "fixtures" / case / "capture.pcap", pathlib.Path(folder) / "capture.pcap"
            copies = replicate(source, capture, size, options.open)
            expected = {verdict: count * copies for verdict, count in answer(source).items()}
            if answer(capture) != expected:
                sys.exit(f"{case}: the answer is wrong")
            hangup = [HANGUP, "read", "-q", "--format", "jsonl"]
            tools = {
                "tcpdump -w": ["tcpdump", "-r", capture, "-w", "/dev/null"],
                "cat": ["cat", capture],
                "hangup": [*hangup, "--threads", "1", capture],
                "hangup 2 threads": [*hangup, "--threads", "2", capture],
            }
            if options.tshark:
                tools["tshark"] = ["tshark", "-r", capture, "-Y", "websocket.opcode == 8"]
            tools = {name: command for name, command in tools.items() if shutil.which(command[0])}
            taken = {name: [] for name in tools}
            for turn in range(options.runs):
                for name, command in tools.items():
                    if name != "tshark" or turn == 0:
                        taken[name].append(run(command))
            base = statistics.median(cpu for cpu, _ in next(iter(taken.values())))
            for name, runs in taken.items():
                cpu, peak = (statistics.median(column) for column in zip(*runs))
                print(f"{case:<28}{copies:>9}  {name:<16}{cpu:>8.2f}{cpu / max(base, 0.001):>8.2f}{peak:>9.0f}")


if __name__ == "__main__":
    main()
