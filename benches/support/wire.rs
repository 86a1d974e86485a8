//! A capture of one TCP connection that opens a WebSocket: Ethernet, IPv4, segments as large as
//! Ethernet has them.

use std::io::{self, Write};

use etherparse::PacketBuilder;

/// Payload of a full segment.
const SEGMENT: usize = 1_448;

/// Segments of the server to each acknowledgement.
const ACK_EVERY: u32 = 8;

/// RFC 6455 §1.3.
pub(crate) const REQUEST: &[u8] = b"GET /bench HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n\
Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
pub(crate) const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Close 1000, masked with zeros.
pub(crate) const CLIENT_CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 3, 0xe8];

/// A frame of a server.
pub(crate) fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).expect("no longer messages here");
    let head = match u8::try_from(len) {
        Ok(short @ 0..=125) => vec![head, short],
        _ => [&[head, 126], &len.to_be_bytes()[..]].concat(),
    };
    [&head, payload].concat()
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Client,
    Server,
}

pub(crate) struct Wire<W> {
    out: W,
    port: u16,
    /// Where the streams of client and server go on.
    next: [u32; 2],
    micros: u64,
    unacked: u32,
}

impl<W: Write> Wire<W> {
    /// A capture that begins with the handshake of TCP.
    pub(crate) fn new(mut out: W, port: u16) -> io::Result<Self> {
        let header: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 1 << 18, 1];
        for word in header {
            out.write_all(&word.to_le_bytes())?;
        }
        let mut wire = Self {
            out,
            port,
            next: [1_000, 2_000],
            micros: 1_700_000_000_000_000,
            unacked: 0,
        };
        wire.segment(Peer::Client, b"", |tcp| tcp.syn())?;
        wire.next[0] += 1;
        let ack = wire.next[0];
        wire.segment(Peer::Server, b"", |tcp| tcp.syn().ack(ack))?;
        wire.next[1] += 1;
        wire.acknowledge(Peer::Client)?;
        Ok(wire)
    }

    /// Bytes of one end, in as many segments as they take.
    pub(crate) fn send(&mut self, from: Peer, bytes: &[u8]) -> io::Result<()> {
        for part in bytes.chunks(SEGMENT) {
            let ack = self.next[1 - from as usize];
            self.segment(from, part, |tcp| tcp.ack(ack))?;
            let len = u32::try_from(part.len()).expect("a segment");
            self.next[from as usize] = self.next[from as usize].wrapping_add(len);
            self.unacked += u32::from(from == Peer::Server);
            if self.unacked == ACK_EVERY {
                self.unacked = 0;
                self.acknowledge(Peer::Client)?;
            }
        }
        Ok(())
    }

    /// Both ends say that they are done.
    pub(crate) fn end(mut self) -> io::Result<W> {
        for from in [Peer::Server, Peer::Client] {
            let ack = self.next[1 - from as usize];
            self.segment(from, b"", |tcp| tcp.ack(ack).fin())?;
            self.next[from as usize] = self.next[from as usize].wrapping_add(1);
        }
        self.acknowledge(Peer::Server)?;
        Ok(self.out)
    }

    fn acknowledge(&mut self, from: Peer) -> io::Result<()> {
        let ack = self.next[1 - from as usize];
        self.segment(from, b"", |tcp| tcp.ack(ack))
    }

    fn segment(
        &mut self,
        from: Peer,
        payload: &[u8],
        flags: impl FnOnce(Tcp) -> Tcp,
    ) -> io::Result<()> {
        let ends = [([10, 0, 0, 5], 50_000), ([10, 0, 0, 9], self.port)];
        let (source, destination) = (ends[from as usize], ends[1 - from as usize]);
        let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(source.0, destination.0, 64);
        let packet = flags(packet.tcp(source.1, destination.1, self.next[from as usize], 65_535));
        self.micros += 1;
        let len = u32::try_from(packet.size(payload.len())).expect("a packet");
        let (seconds, micros) = (self.micros / 1_000_000, self.micros % 1_000_000);
        for word in [seconds, micros] {
            let word = u32::try_from(word).expect("before 2106");
            self.out.write_all(&word.to_le_bytes())?;
        }
        self.out.write_all(&len.to_le_bytes())?;
        self.out.write_all(&len.to_le_bytes())?;
        packet
            .write(&mut self.out, payload)
            .map_err(io::Error::other)
    }
}

type Tcp = etherparse::PacketBuilderStep<etherparse::TcpHeader>;
