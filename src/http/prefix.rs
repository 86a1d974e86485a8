//! What proxies put before everything else on a connection: a PROXY header, CONNECT, SOCKS.
//!
//! In: the chunks of both directions from their beginning on. Out: where each direction's own
//! contents begin.

use super::head::{BodyLen, Parsed, parse_request, parse_response};
use crate::flow::{End, Pair};
use crate::limits;
use crate::tcp::{Chunk, Origin, Waiting};

/// The first bytes of a PROXY header of version 2 (haproxy.org, proxy-protocol.txt §2.2).
const PROXY_V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The longest of version 1, CRLF included (§2.1).
const MAX_PROXY_V1: usize = 107;

/// The first bytes that each kind has.
const KINDS: [(&[u8], Kind); 5] = [
    (b"CONNECT ", Kind::Connect),
    (b"PROXY ", Kind::ProxyV1),
    (PROXY_V2, Kind::ProxyV2),
    (&[4, 1], Kind::Socks4),
    (&[5], Kind::Socks5),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Connect,
    ProxyV1,
    ProxyV2,
    Socks4,
    Socks5,
}

/// What the bytes so far come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    More,
    /// So many bytes of the client and of the server are the prefix.
    Over(usize, usize),
    /// It is none.
    None,
}

/// A tunnel that a proxy would not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoTunnel {
    /// Who asked.
    pub client: End,
    /// `host:port`, as sent.
    pub target: String,
    /// Status of the answer.
    pub status: u16,
    /// The request.
    pub asked: Origin,
    /// The answer.
    pub answered: Origin,
}

/// Something that may stand before the contents of a connection.
#[derive(Debug)]
pub struct Prefix {
    kind: Kind,
    client: End,
    /// Offsets of the first bytes.
    begins: Pair<u64>,
    bytes: Pair<Vec<u8>>,
    waiting: Pair<Waiting>,
}

impl Prefix {
    /// `client` begins with `bytes`, the first of the connection or the first behind another
    /// prefix; `begins` are the offsets of both. `None` where nothing known begins so.
    pub fn detect(client: End, bytes: &[u8], begins: Pair<u64>) -> Option<Self> {
        let fits = |(start, _): &&(&[u8], Kind)| {
            !bytes.is_empty() && bytes.iter().zip(*start).all(|(have, want)| have == want)
        };
        let &(_, kind) = KINDS.iter().find(fits)?;
        Some(Self {
            kind,
            client,
            begins,
            bytes: Pair::default(),
            waiting: Pair::default(),
        })
    }

    /// Takes the next chunk. `Some` once it is over (or none after all), with the offsets at
    /// which the contents begin: [`Self::replay`] has what came of them.
    pub fn handle_chunk(&mut self, end: End, chunk: Chunk<'_>) -> Option<Pair<u64>> {
        self.waiting[end].push(chunk);
        let step = match chunk {
            Chunk::Data { bytes, .. } => {
                self.bytes[end].extend_from_slice(bytes);
                let (client, server) = (&self.bytes[self.client], &self.bytes[self.client.other()]);
                let too_long = client.len().max(server.len()) > limits::MAX_PREFIX_BYTES;
                match self.kind.step(client, server) {
                    Step::More if too_long => Step::None,
                    step => step,
                }
            }
            Chunk::Gap { .. } => Step::None,
        };
        match step {
            Step::More => None,
            Step::None => Some(self.begins),
            Step::Over(client, server) => {
                let mut begins = self.begins;
                begins[self.client] += client as u64;
                begins[self.client.other()] += server as u64;
                Some(begins)
            }
        }
    }

    /// The last tunnel that a proxy was asked for, where it would not open it.
    pub fn no_tunnel(&self) -> Option<NoTunnel> {
        let (client, server) = (self.client, self.client.other());
        let refused = refusal(&self.bytes[client], &self.bytes[server])?;
        let origin = |end: End, behind: usize| {
            let mut origin = None;
            self.waiting[end].replay(self.begins[end] + behind as u64, |chunk| {
                if let Chunk::Data { origin: of, .. } = chunk {
                    origin.get_or_insert(of);
                }
            });
            origin
        };
        Some(NoTunnel {
            client,
            asked: origin(client, refused.asked)?,
            answered: origin(server, refused.answered)?,
            target: refused.target,
            status: refused.status,
        })
    }

    /// What came, from these offsets on; the client's first.
    pub fn replay(&self, begins: Pair<u64>, mut each: impl FnMut(End, Chunk<'_>)) {
        for end in [self.client, self.client.other()] {
            self.waiting[end].replay(begins[end], |chunk| each(end, chunk));
        }
    }
}

impl Kind {
    fn step(self, client: &[u8], server: &[u8]) -> Step {
        let step = match self {
            Self::Connect => connect(client, server),
            Self::ProxyV1 => proxy_v1(client).map(|len| (len, 0)),
            Self::ProxyV2 => proxy_v2(client).map(|len| (len, 0)),
            Self::Socks4 => socks4(client, server),
            Self::Socks5 => socks5(client, server),
        };
        match step {
            Ok((client, server)) => Step::Over(client, server),
            Err(stop) => stop,
        }
    }
}

/// So many bytes from the front; more are needed where there are fewer.
fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8], Step> {
    let (taken, rest) = bytes.split_at_checked(len).ok_or(Step::More)?;
    *bytes = rest;
    Ok(taken)
}

fn take_byte(bytes: &mut &[u8]) -> Result<u8, Step> {
    take(bytes, 1)?.first().copied().ok_or(Step::More)
}

fn expect(bytes: &mut &[u8], wanted: u8) -> Result<(), Step> {
    if take_byte(bytes)? == wanted {
        Ok(())
    } else {
        Err(Step::None)
    }
}

/// RFC 9110 §9.3.6. A refused one may be followed by another, with credentials.
fn connect(client: &[u8], server: &[u8]) -> Result<(usize, usize), Step> {
    const METHOD: &[u8] = b"CONNECT ";
    let (mut asked, mut answered) = (0, 0);
    loop {
        let rest = client.get(asked..).unwrap_or_default();
        if !rest.iter().zip(METHOD).all(|(have, want)| have == want) {
            return match asked {
                0 => Err(Step::None),
                _ => Ok((asked, answered)),
            };
        }
        let head = rest.windows(4).position(|end| end == b"\r\n\r\n");
        asked += head.ok_or(Step::More)? + 4;
        let is_through = loop {
            let rest = server.get(answered..).unwrap_or_default();
            match parse_response(rest) {
                Parsed::Partial => return Err(Step::More),
                Parsed::NotHttp => return Err(Step::None),
                Parsed::Whole(response, len) => {
                    answered += len;
                    match (response.status, response.body) {
                        (100..=199, _) => continue,
                        (200..=299, _) => break true,
                        (_, BodyLen::Known(len)) => {
                            let len = usize::try_from(len).unwrap_or(usize::MAX);
                            answered = answered.saturating_add(len);
                            break false;
                        }
                        _ => return Err(Step::None),
                    }
                }
            }
        };
        if is_through {
            return Ok((asked, answered));
        }
        if server.len() < answered || client.len() <= asked {
            return Err(Step::More);
        }
    }
}

/// A CONNECT that was refused, and where it and its answer begin.
struct Refusal {
    target: String,
    status: u16,
    asked: usize,
    answered: usize,
}

/// The last CONNECT that had an answer, where that is a refusal.
fn refusal(client: &[u8], server: &[u8]) -> Option<Refusal> {
    let (mut asked, mut answered) = (0, 0);
    let mut last = None;
    loop {
        let rest = client.get(asked..).unwrap_or_default();
        let (request, request_len) = match parse_request(rest) {
            Parsed::Whole(request, len) if request.method() == "CONNECT" => (request, len),
            _ => return last,
        };
        let (response, begins) = loop {
            match parse_response(server.get(answered..).unwrap_or_default()) {
                Parsed::Whole(response, len) => {
                    let begins = answered;
                    answered += len;
                    if !(100..=199).contains(&response.status) {
                        break (response, begins);
                    }
                }
                Parsed::Partial | Parsed::NotHttp => return last,
            }
        };
        if (200..=299).contains(&response.status) {
            return None;
        }
        last = Some(Refusal {
            target: request.path().to_owned(),
            status: response.status,
            asked,
            answered: begins,
        });
        asked += request_len;
        match response.body {
            BodyLen::Known(len) => {
                answered = answered.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
            }
            BodyLen::Chunked | BodyLen::UntilEnd => return last,
        }
    }
}

fn proxy_v1(client: &[u8]) -> Result<usize, Step> {
    let end = client.windows(2).position(|end| end == b"\r\n");
    let starts = client
        .iter()
        .zip(b"PROXY ")
        .all(|(have, want)| have == want);
    match end {
        _ if !starts => Err(Step::None),
        Some(end) if end + 2 <= MAX_PROXY_V1 => Ok(end + 2),
        None if client.len() < MAX_PROXY_V1 => Err(Step::More),
        _ => Err(Step::None),
    }
}

fn proxy_v2(mut client: &[u8]) -> Result<usize, Step> {
    if !client.iter().zip(PROXY_V2).all(|(have, want)| have == want) {
        return Err(Step::None);
    }
    let before = client.len();
    take(&mut client, PROXY_V2.len())?;
    // The upper half is the version.
    if take_byte(&mut client)? >> 4 != 2 {
        return Err(Step::None);
    }
    take_byte(&mut client)?;
    let len = [take_byte(&mut client)?, take_byte(&mut client)?];
    take(&mut client, usize::from(u16::from_be_bytes(len)))?;
    Ok(before - client.len())
}

/// The SOCKS 4 memo, and its extension 4a.
fn socks4(mut client: &[u8], mut server: &[u8]) -> Result<(usize, usize), Step> {
    let before = (client.len(), server.len());
    expect(&mut client, 4)?;
    expect(&mut client, 1)?;
    take(&mut client, 2)?;
    let has_name = matches!(take(&mut client, 4)?, [0, 0, 0, last] if *last != 0);
    for _ in 0..1 + usize::from(has_name) {
        let end = client
            .iter()
            .position(|&byte| byte == 0)
            .ok_or(Step::More)?;
        take(&mut client, end + 1)?;
    }
    expect(&mut server, 0)?;
    // Request granted.
    expect(&mut server, 0x5a)?;
    take(&mut server, 6)?;
    Ok((before.0 - client.len(), before.1 - server.len()))
}

/// RFC 1928, with the password of RFC 1929.
fn socks5(mut client: &[u8], mut server: &[u8]) -> Result<(usize, usize), Step> {
    let before = (client.len(), server.len());
    expect(&mut client, 5)?;
    let methods = take_byte(&mut client)?;
    take(&mut client, usize::from(methods))?;
    expect(&mut server, 5)?;
    match take_byte(&mut server)? {
        0 => {}
        2 => {
            expect(&mut client, 1)?;
            for _ in 0..2 {
                let len = take_byte(&mut client)?;
                take(&mut client, usize::from(len))?;
            }
            expect(&mut server, 1)?;
            expect(&mut server, 0)?;
        }
        _ => return Err(Step::None),
    }
    expect(&mut client, 5)?;
    expect(&mut client, 1)?;
    socks5_address(&mut client)?;
    expect(&mut server, 5)?;
    // Succeeded.
    expect(&mut server, 0)?;
    socks5_address(&mut server)?;
    Ok((before.0 - client.len(), before.1 - server.len()))
}

fn socks5_address(bytes: &mut &[u8]) -> Result<(), Step> {
    take_byte(bytes)?;
    let len = match take_byte(bytes)? {
        1 => 4,
        3 => usize::from(take_byte(bytes)?),
        4 => 16,
        _ => return Err(Step::None),
    };
    take(bytes, len + 2).map(|_| ())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONNECT: &[u8] = b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n";
    const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";
    const DENIED: &[u8] = b"HTTP/1.1 407 Auth\r\nContent-Length: 3\r\n\r\nno!";

    /// Kind, client's and server's bytes of the prefix.
    fn examples() -> Vec<(Kind, Vec<u8>, Vec<u8>)> {
        vec![
            (Kind::Connect, CONNECT.to_vec(), ESTABLISHED.to_vec()),
            (
                Kind::Connect,
                [CONNECT, CONNECT].concat(),
                [DENIED, ESTABLISHED].concat(),
            ),
            (
                Kind::ProxyV1,
                b"PROXY TCP4 10.0.0.1 10.0.0.2 5000 443\r\n".to_vec(),
                vec![],
            ),
            (
                Kind::ProxyV2,
                [PROXY_V2, b"\x21\x11\0\x0c", &[9; 12]].concat(),
                vec![],
            ),
            (
                Kind::Socks4,
                b"\x04\x01\x01\xbb\0\0\0\x01me\0example.org\0".to_vec(),
                b"\0\x5a\0\0\0\0\0\0".to_vec(),
            ),
            (
                Kind::Socks5,
                b"\x05\x02\0\x02\x01\x02me\x01p\x05\x01\0\x03\x01a\x01\xbb".to_vec(),
                b"\x05\x02\x01\0\x05\0\0\x01\0\0\0\0\0\0".to_vec(),
            ),
        ]
    }

    #[test]
    fn each_ends_where_it_ends_however_it_is_cut() {
        for (kind, client, server) in examples() {
            for (part, _) in client.iter().enumerate() {
                let part = client.get(..part).unwrap_or_default();
                assert_eq!(kind.step(part, &server), Step::More, "{kind:?} {part:?}");
            }
            let longer = [&client, &b"GET / HTTP/1.1"[..]].concat();
            let over = Step::Over(client.len(), server.len());
            assert_eq!(kind.step(&client, &server), over, "{kind:?}");
            assert_eq!(kind.step(&longer, &[&server[..], b"xx"].concat()), over);
        }
    }

    #[test]
    fn what_only_begins_alike_is_none() {
        for (kind, client, server) in [
            (Kind::ProxyV1, &b"POST / HTTP/1.1\r\n"[..], &b""[..]),
            (Kind::Connect, CONNECT, b"SSH-2.0-x\r\n"),
            (
                Kind::Connect,
                CONNECT,
                b"HTTP/1.1 502 Bad\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
            (Kind::Socks4, b"\x04\x01\0\0\x01\x01\x01\x01\0", b"\0\x5b"),
            (Kind::Socks5, b"\x05\x01\0", b"\x05\xff"),
            (Kind::ProxyV2, b"\r\n\r\n\0\r\nQUIT\n\x11", b""),
        ] {
            assert_eq!(kind.step(client, server), Step::None, "{kind:?}");
        }
        let detect = |bytes| Prefix::detect(End::A, bytes, Pair::default()).is_some();
        assert!(!detect(b"GET / HTTP/1.1") && !detect(b"\x16\x03\x01") && !detect(b""));
        assert!(detect(b"C") && detect(b"\x05\x01\0"));
    }

    proptest! {
        #[test]
        fn any_bytes_do(client in prop::collection::vec(any::<u8>(), 0..64), server in prop::collection::vec(any::<u8>(), 0..64)) {
            for (_, kind) in KINDS {
                if let Step::Over(a, b) = kind.step(&client, &server) {
                    prop_assert!(a <= client.len() && b <= server.len());
                }
            }
        }
    }
}
