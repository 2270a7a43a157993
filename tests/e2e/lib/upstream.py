# upstream.py ADDRESS ANSWER: a name server for the tests, over UDP and TCP: its one answer for all names
# but "nowhere" (there is none), "broken" (it fails) and "big" (too much for a datagram).
import socket, struct, sys, threading
at, value = sys.argv[1], socket.inet_aton(sys.argv[2])
def answer(q, tcp):
    end = q.index(b"\0", 12) + 5
    name, kind = q[12:end - 4], struct.unpack(">H", q[end - 4:end - 2])[0]
    code, records, flags = 0, [], 0x8180
    if b"nowhere" in name: code = 3
    elif b"broken" in name: code = 2
    elif kind == 33: records = [struct.pack(">3H", 1, 1, 5060) + b"\3sip\7example\0"]
    elif kind == 1: records = [value] * (200 if b"big" in name else 1)
    if len(records) > 20 and not tcp: records, flags = [], 0x8380
    body = b"".join(b"\xc0\x0c" + struct.pack(">2HIH", kind, 1, 60, len(r)) + r for r in records)
    return q[:2] + struct.pack(">5H", flags | code, 1, len(records), 0, 0) + q[12:end] + body
def tcp():
    s = socket.create_server((at, 53))
    while True:
        c, _ = s.accept()
        a = answer(c.recv(c.recv(2)[1]), True)
        c.sendall(struct.pack(">H", len(a)) + a)
        c.close()
threading.Thread(target=tcp, daemon=True).start()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind((at, 53))
while True:
    q, peer = u.recvfrom(4096)
    u.sendto(answer(q, False), peer)
