# ask.py NAME TYPE [tcp] [edns]: asks the name server at 127.0.0.11, in a container.
import socket, struct, sys
types = {"A": 1, "PTR": 12, "MX": 15, "AAAA": 28, "SRV": 33}
name, kind, how = sys.argv[1], types[sys.argv[2]], sys.argv[3:]
labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".") if l)
edns = b"\0\0\x29\x10\0\0\0\0\0\0\0" if "edns" in how else b""
query = struct.pack(">6H", 77, 0x100, 1, 0, 0, 1 if edns else 0) + labels + b"\0" + struct.pack(">2H", kind, 1) + edns
if "tcp" in how:
    s = socket.create_connection(("127.0.0.11", 53), 5)
    s.sendall(struct.pack(">H", len(query)) + query)
    f = s.makefile("rb")
    reply = f.read(struct.unpack(">H", f.read(2))[0])
else:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(8)
    s.sendto(query, ("127.0.0.11", 53))
    reply = s.recv(65535)
_, flags, _, answers, _, more = struct.unpack(">6H", reply[:12])
out = [{0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN"}.get(flags & 15, str(flags & 15))]
if flags & 0x200: out.append("truncated")
if more: out.append("edns")
def read_name(at):
    parts = []
    while reply[at]:
        if reply[at] >= 192:
            return ".".join(parts + [read_name(struct.unpack(">H", reply[at:at + 2])[0] & 0x3fff)[0]]), at + 2
        parts.append(reply[at + 1:at + 1 + reply[at]].decode())
        at += 1 + reply[at]
    return ".".join(parts), at + 1
at = read_name(12)[1] + 4
data = []
for _ in range(answers):
    at = read_name(at)[1]
    what, _, _, size = struct.unpack(">2HIH", reply[at:at + 10])
    at += 10
    value = reply[at:at + size]
    if what == 1: data.append(socket.inet_ntoa(value))
    elif what == 28: data.append(socket.inet_ntop(socket.AF_INET6, value))
    elif what == 12: data.append(read_name(at)[0])
    elif what == 33: data.append("%d:%s" % (struct.unpack(">H", value[4:6])[0], read_name(at + 6)[0]))
    at += size
print(" ".join(out + (sorted(data) if len(data) < 9 else [str(len(data)) + " records"])))
