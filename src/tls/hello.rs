//! What ClientHello and ServerHello say (RFC 8446 §4.1, RFC 5246 §7.4.1).

use nom::bytes::complete::take;
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16};
use nom::{IResult, Parser};

use super::cipher::TLS13;
use super::keylog::ClientRandom;
use crate::limits;

/// Extensions (RFC 8446 §4.2, RFC 7301, RFC 7366, RFC 7627).
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const ENCRYPT_THEN_MAC: u16 = 22;
const EXTENDED_MASTER_SECRET: u16 = 23;
const SUPPORTED_VERSIONS: u16 = 43;

/// `Random` of a ServerHello that is a HelloRetryRequest (RFC 8446 §4.1.3).
pub(super) const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

#[derive(Clone, Debug)]
pub(super) struct ClientHello {
    pub(super) random: ClientRandom,
    pub(super) sni: Option<String>,
    /// The protocols offered.
    pub(super) alpn: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct ServerHello {
    pub(super) random: [u8; 32],
    /// The version agreed on, as `supported_versions` has it in TLS 1.3.
    pub(super) version: u16,
    pub(super) suite: u16,
    pub(super) alpn: Option<String>,
    pub(super) encrypt_then_mac: bool,
    pub(super) extended_master_secret: bool,
    /// It asks for another ClientHello.
    pub(super) is_retry: bool,
}

type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

fn random(input: &[u8]) -> Parsed<'_, [u8; 32]> {
    let (rest, bytes) = take(32_usize).parse(input)?;
    Ok((rest, bytes.try_into().unwrap_or_default()))
}

/// The body of a ClientHello, or its beginning.
pub(super) fn parse_client_hello(input: &[u8]) -> Option<ClientHello> {
    let (rest, (_version, random)) = (be_u16::<_, ()>, random).parse(input).ok()?;
    let vectors = (
        length_data(be_u8::<_, ()>),
        length_data(be_u16),
        length_data(be_u8),
    );
    let (mut sni, mut alpn) = (None, Vec::new());
    if let Ok((rest, (_session, _suites, _compressions))) = { vectors }.parse(rest) {
        each_extension(rest, |kind, value| match kind {
            SERVER_NAME => sni = server_name(value),
            ALPN => alpn = offered_protocols(value),
            _ => {}
        });
    }
    Some(ClientHello { random, sni, alpn })
}

/// The body of a ServerHello, or its beginning.
pub(super) fn parse_server_hello(input: &[u8]) -> Option<ServerHello> {
    let head = (be_u16::<_, ()>, random, length_data(be_u8), be_u16, be_u8);
    let (rest, (version, random, _session, suite, _compression)) = { head }.parse(input).ok()?;
    let mut hello = ServerHello {
        random,
        // Suites of TLS 1.3 have numbers of their own (RFC 8446 §B.4); the extension that
        // names the version may be cut off.
        version: if suite >> 8 == 0x13 { TLS13 } else { version },
        suite,
        alpn: None,
        encrypt_then_mac: false,
        extended_master_secret: false,
        is_retry: random == RETRY,
    };
    each_extension(rest, |kind, value| match (kind, value) {
        (SUPPORTED_VERSIONS, &[high, low]) => hello.version = u16::from_be_bytes([high, low]),
        (ENCRYPT_THEN_MAC, _) => hello.encrypt_then_mac = true,
        (EXTENDED_MASTER_SECRET, _) => hello.extended_master_secret = true,
        (ALPN, _) => hello.alpn = chosen_protocol(value),
        _ => {}
    });
    Some(hello)
}

/// The protocol that the body of EncryptedExtensions names.
pub(super) fn parse_encrypted_extensions(input: &[u8]) -> Option<String> {
    let mut alpn = None;
    each_extension(input, |kind, value| {
        if kind == ALPN {
            alpn = chosen_protocol(value);
        }
    });
    alpn
}

/// Walks a list of extensions up to its end or to what is not whole.
fn each_extension(input: &[u8], mut extension: impl FnMut(u16, &[u8])) {
    let Ok((list, len)) = be_u16::<_, ()>.parse(input) else {
        return;
    };
    let mut list = list.get(..usize::from(len)).unwrap_or(list);
    while let Ok((rest, (kind, value))) = (be_u16::<_, ()>, length_data(be_u16)).parse(list) {
        extension(kind, value);
        list = rest;
    }
}

/// RFC 6066 §3: a list of names, of which there is one in practice.
fn server_name(value: &[u8]) -> Option<String> {
    let (_, list) = length_data(be_u16::<_, ()>).parse(value).ok()?;
    let (_, (kind, name)) = (be_u8::<_, ()>, length_data(be_u16)).parse(list).ok()?;
    (kind == 0).then(|| String::from_utf8_lossy(name).into_owned())
}

/// RFC 7301 §3.1; the first of them, where there are very many.
fn offered_protocols(value: &[u8]) -> Vec<String> {
    let mut offered = Vec::new();
    let (_, mut list) = length_data(be_u16::<_, ()>)
        .parse(value)
        .unwrap_or((value, &[]));
    while let Ok((rest, name)) = length_data(be_u8::<_, ()>).parse(list)
        && offered.len() < limits::MAX_PROTOCOLS_OFFERED
    {
        offered.push(String::from_utf8_lossy(name).into_owned());
        list = rest;
    }
    offered
}

/// RFC 7301 §3.1: a list of exactly one.
fn chosen_protocol(value: &[u8]) -> Option<String> {
    let (_, list) = length_data(be_u16::<_, ()>).parse(value).ok()?;
    let (_, name) = length_data(be_u8::<_, ()>).parse(list).ok()?;
    Some(String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn server_hello() -> Vec<u8> {
        let mut hello = vec![3, 3];
        hello.extend([7; 32]);
        hello.extend([0, 0x13, 0x02, 0]);
        hello.extend([0, 6, 0, 43, 0, 2, 3, 4]);
        hello
    }

    #[test]
    fn a_cut_hello_says_what_stands_before_the_cut() {
        let hello = server_hello();
        for len in 0..=hello.len() {
            let parsed = parse_server_hello(hello.get(..len).unwrap_or_default());
            let told = parsed.map(|hello| (hello.version, hello.suite, hello.is_retry));
            let expected = (len >= 38).then_some((TLS13, 0x1302, false));
            assert_eq!(told, expected, "{len}");
        }
        let mut client = vec![3, 3];
        client.extend([9; 32]);
        let random = |bytes: &[u8]| parse_client_hello(bytes).map(|hello| hello.random);
        assert_eq!(random(&client), Some([9; 32]));
        assert_eq!(random(client.get(..33).unwrap_or_default()), None);
        client.extend([0, 0, 2, 0x13, 1, 1, 0]);
        client.extend([0, 14, 0, 0, 0, 10, 0, 8, 0, 0, 5]);
        client.extend(b"a.com");
        let sni = parse_client_hello(&client).and_then(|hello| hello.sni);
        assert_eq!(sni.as_deref(), Some("a.com"));
    }

    proptest! {
        #[test]
        fn any_bytes_do(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            parse_client_hello(&bytes);
            parse_server_hello(&bytes);
            parse_encrypted_extensions(&bytes);
        }
    }
}
