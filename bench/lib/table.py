"""table.py FILE...: the rows that the measurements left, as one table of Markdown."""
import os
import platform
import sys

HEAD = ["what", "Slipway", "rival", "Slipway / rival", "budget", "n", "Slipway's range"]


def main():
    rows = [line.rstrip("\n").split("\t") for path in sys.argv[1:] for line in open(path)]
    widths = [max(len(line[i]) for line in rows + [HEAD]) for i in range(len(HEAD))]
    print(f"{os.cpu_count()} cores, Linux {platform.release().split('-')[0]}, load {os.getloadavg()[2]:.1f} at the end\n")
    for line in [HEAD, ["-" * width for width in widths]] + rows:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |")


main()
