//! What both ends say in the handshake, and which secrets follow from it.

use super::cipher::{Agreed, TLS12, TLS13, openers};
use super::guard::Pending;
use super::hello::{
    ClientHello, ServerHello, parse_client_hello, parse_encrypted_extensions, parse_server_hello,
};
use super::keylog::Label;
use super::messages::{
    CLIENT_HELLO, CLIENT_KEY_EXCHANGE, ENCRYPTED_EXTENSIONS, KEY_UPDATE, SERVER_HELLO,
};
use super::schedule::{TrafficSecret, expand};
use super::suite::Suite;
use super::{Secrets, Unread};
use crate::flow::End;
use zeroize::Zeroizing;

/// The handshake so far.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    /// The end that sent the ClientHello.
    pub(super) client: Option<End>,
    client_hello: Option<ClientHello>,
    server_hello: Option<ServerHello>,
    alpn: Option<String>,
}

/// What a message means for the records that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Nothing,
    /// Both hellos are there.
    Agreed,
    /// The sender goes on with its next keys.
    KeyUpdate,
    /// The client has sent its part of the key exchange, up to TLS 1.2.
    KeyExchange,
}

/// Keys of both directions, in the order in which they come into use.
pub(super) struct Keys {
    pub(super) agreed: Agreed,
    pub(super) client: Vec<Pending>,
    pub(super) server: Vec<Pending>,
    /// Those of application data are not all there.
    pub(super) is_incomplete: bool,
}

fn agreed(hello: &ServerHello) -> Agreed {
    Agreed {
        version: hello.version,
        suite: Suite(hello.suite),
        encrypt_then_mac: hello.encrypt_then_mac,
    }
}

impl Handshake {
    /// Takes the next message of an end.
    pub(super) fn handle_message(&mut self, from: End, kind: u8, body: &[u8]) -> Heard {
        match kind {
            CLIENT_HELLO if self.client.is_none_or(|client| client == from) => {
                if let Some(hello) = parse_client_hello(body) {
                    self.client = Some(from);
                    self.client_hello = Some(hello);
                }
            }
            SERVER_HELLO if self.client == Some(from.other()) => {
                let hello = parse_server_hello(body).filter(|hello| !hello.is_retry);
                if let Some(hello) = hello {
                    self.alpn.clone_from(&hello.alpn);
                    self.server_hello = Some(hello);
                    return Heard::Agreed;
                }
            }
            ENCRYPTED_EXTENSIONS if self.alpn.is_none() => {
                self.alpn = parse_encrypted_extensions(body);
            }
            KEY_UPDATE if self.is_tls13() => return Heard::KeyUpdate,
            CLIENT_KEY_EXCHANGE if self.client == Some(from) => return Heard::KeyExchange,
            _ => {}
        }
        Heard::Nothing
    }

    /// The ServerHello is lost: in TLS 1.3 the length of the secrets tells the cipher suite, but
    /// for those that few choose. Whether it is right will be proved by the first record.
    pub(super) fn guess(&mut self, secrets: &Secrets) -> bool {
        let secret = self
            .client_hello
            .as_ref()
            .and_then(|client| secrets.get(&client.random, Label::ServerTraffic));
        let suite = match secret.map(<[u8]>::len) {
            Some(48) => 0x1302,
            Some(_) => 0x1301,
            None => return false,
        };
        self.server_hello = Some(ServerHello {
            random: [0; 32],
            version: TLS13,
            suite,
            alpn: None,
            encrypt_then_mac: false,
            extended_master_secret: false,
            is_retry: false,
        });
        true
    }

    /// What the two hellos agree on, and the keys for it.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn keys(&self, secrets: &Secrets) -> Result<Keys, Unread> {
        let (Some(client), Some(hello)) = (&self.client_hello, &self.server_hello) else {
            return Err(Unread::NoHello);
        };
        let agreed = agreed(hello);
        if !(0x0301..=TLS13).contains(&agreed.version) {
            return Err(Unread::Version(agreed.version));
        }
        if agreed.suite.bulk().is_none() {
            return Err(Unread::Suite(hello.suite));
        }
        if agreed.version < TLS13 {
            let master = secrets
                .get(&client.random, Label::Master)
                .ok_or(Unread::NoKey)?;
            return self.keys_of(master).ok_or(Unread::NoKey);
        }
        let secret = |label, is_traffic| {
            let secret = secrets.get(&client.random, label)?;
            let secret = TrafficSecret::new(secret, agreed.suite.hash())?;
            Some(Pending::Secret(secret, is_traffic))
        };
        let ours = [
            secret(Label::ClientEarly, false),
            secret(Label::ClientHandshake, false),
            secret(Label::ClientTraffic, true),
        ];
        let theirs = [
            secret(Label::ServerHandshake, false),
            secret(Label::ServerTraffic, true),
        ];
        let is_missing = |secrets: &[Option<Pending>]| secrets.last().is_none_or(Option::is_none);
        let keys = Keys {
            agreed,
            is_incomplete: is_missing(&ours) || is_missing(&theirs),
            client: ours.into_iter().flatten().collect(),
            server: theirs.into_iter().flatten().collect(),
        };
        if keys.client.is_empty() && keys.server.is_empty() {
            return Err(Unread::NoKey);
        }
        Ok(keys)
    }

    /// What follows from a master secret, up to TLS 1.2.
    fn keys_of(&self, master: &[u8]) -> Option<Keys> {
        let (client, hello) = (self.client_hello.as_ref()?, self.server_hello.as_ref()?);
        let agreed = agreed(hello);
        let [client, server] = openers(agreed, master, &hello.random, &client.random)?
            .map(|opener| vec![Pending::Opener(Box::new(opener))]);
        Some(Keys {
            agreed,
            client,
            server,
            is_incomplete: false,
        })
    }

    /// The secret may be found once the client has sent its part of an RSA key exchange.
    pub(super) fn awaits_premaster(&self, secrets: &Secrets) -> bool {
        // RFC 7627: with this extension the master secret takes the hash of the whole handshake.
        let is_plain = |hello: &ServerHello| !hello.extended_master_secret;
        let has_rsa = |hello: &ServerHello| agreed(hello).suite.is_rsa_key_exchange();
        secrets.has_premasters()
            && self
                .server_hello
                .as_ref()
                .is_some_and(|hello| is_plain(hello) && has_rsa(hello))
    }

    /// The keys that follow from the body of a ClientKeyExchange (RFC 5246 §7.4.7.1).
    pub(super) fn keys_of_exchange(&self, body: &[u8], secrets: &Secrets) -> Option<Keys> {
        let (client, hello) = (self.client_hello.as_ref()?, self.server_hello.as_ref()?);
        let premaster = secrets.premaster(body.get(2..)?)?;
        let agreed = agreed(hello);
        let mut master = Zeroizing::new([0; 48]);
        let seed = [&client.random[..], &hello.random].concat();
        expand(
            agreed.version,
            agreed.suite.hash(),
            premaster,
            &[b"master secret", &seed],
            &mut *master,
        );
        self.keys_of(&*master)
    }

    /// Both hellos are there.
    pub(super) const fn is_agreed(&self) -> bool {
        self.server_hello.is_some()
    }

    pub(super) fn is_tls13(&self) -> bool {
        self.server_hello
            .as_ref()
            .is_some_and(|hello| hello.version >= TLS13)
    }

    pub(super) fn version(&self) -> Option<&'static str> {
        Some(match self.server_hello.as_ref()?.version {
            0x0300 => "SSL 3.0",
            0x0301 => "TLS 1.0",
            0x0302 => "TLS 1.1",
            TLS12 => "TLS 1.2",
            TLS13 => "TLS 1.3",
            _ => return None,
        })
    }

    pub(super) fn cipher_suite(&self) -> Option<String> {
        let suite = Suite(self.server_hello.as_ref()?.suite);
        let number = || format!("0x{:04X}", suite.0);
        Some(suite.name().map_or_else(number, str::to_owned))
    }

    pub(super) fn sni(&self) -> Option<&str> {
        self.client_hello.as_ref()?.sni.as_deref()
    }

    /// The protocols that the client offered.
    pub(super) fn offered(&self) -> &[String] {
        self.client_hello
            .as_ref()
            .map_or(&[], |hello| hello.alpn.as_slice())
    }

    /// What the hellos agreed on.
    pub(super) fn agreed(&self) -> Option<Agreed> {
        self.server_hello.as_ref().map(agreed)
    }

    pub(super) fn alpn(&self) -> Option<&str> {
        self.alpn.as_deref()
    }
}
