//! What the opening of a session said.

use crate::http::Texts;

/// What the opening said. Its texts lie in one piece of memory, which goes from the head that was
/// read to the session that is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// In the order of [`Said`].
    texts: Texts<8>,
    /// Status of the answer.
    pub http_status: Option<u16>,
    /// A hash of `Cookie` and `Authorization` of the request: equal ones are of one user, perhaps.
    /// Not shown.
    pub credentials: Option<u64>,
}

/// The texts of an opening; `None` where it did not say, or was not captured.
///
/// They are as sent: hostile, to be escaped by whoever shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said<'a> {
    /// `Host` of the request.
    pub host: Option<&'a str>,
    /// Request target.
    pub path: Option<&'a str>,
    /// `Origin` of the request.
    pub origin: Option<&'a str>,
    /// `User-Agent` of the request.
    pub user_agent: Option<&'a str>,
    /// `Sec-WebSocket-Key` of the request: random, so two connections with the same one are two
    /// legs of one session. Not shown.
    pub key: Option<&'a str>,
    /// `Sec-WebSocket-Protocol` of the answer.
    pub subprotocol: Option<&'a str>,
    /// `Sec-WebSocket-Extensions` of the answer.
    pub extensions: Option<&'a str>,
    /// `Server` of the answer.
    pub server_software: Option<&'a str>,
}

impl Opening {
    /// One that said this, and was answered with this status.
    pub fn new(said: &Said<'_>, http_status: Option<u16>) -> Self {
        let Said {
            host,
            path,
            origin,
            user_agent,
            key,
            subprotocol,
            extensions,
            server_software,
        } = *said;
        Self {
            texts: Texts::new([
                host,
                path,
                origin,
                user_agent,
                key,
                subprotocol,
                extensions,
                server_software,
            ]),
            http_status,
            credentials: None,
        }
    }

    /// One that said these, which are in the order of [`Said`].
    pub(super) const fn of(
        texts: Texts<8>,
        http_status: Option<u16>,
        credentials: Option<u64>,
    ) -> Self {
        Self {
            texts,
            http_status,
            credentials,
        }
    }

    /// All its texts.
    pub fn said(&self) -> Said<'_> {
        Said {
            host: self.host(),
            path: self.path(),
            origin: self.origin(),
            user_agent: self.user_agent(),
            key: self.key(),
            subprotocol: self.subprotocol(),
            extensions: self.extensions(),
            server_software: self.server_software(),
        }
    }

    /// As in [`Said::host`].
    pub fn host(&self) -> Option<&str> {
        self.texts.get(0)
    }

    /// As in [`Said::path`].
    pub fn path(&self) -> Option<&str> {
        self.texts.get(1)
    }

    /// As in [`Said::origin`].
    pub fn origin(&self) -> Option<&str> {
        self.texts.get(2)
    }

    /// As in [`Said::user_agent`].
    pub fn user_agent(&self) -> Option<&str> {
        self.texts.get(3)
    }

    /// As in [`Said::key`].
    pub fn key(&self) -> Option<&str> {
        self.texts.get(4)
    }

    /// As in [`Said::subprotocol`].
    pub fn subprotocol(&self) -> Option<&str> {
        self.texts.get(5)
    }

    /// As in [`Said::extensions`].
    pub fn extensions(&self) -> Option<&str> {
        self.texts.get(6)
    }

    /// As in [`Said::server_software`].
    pub fn server_software(&self) -> Option<&str> {
        self.texts.get(7)
    }

    /// Says `said` where that says anything.
    #[cfg(test)]
    pub(crate) fn say(&mut self, said: Said<'_>) {
        let own = self.clone();
        let own = own.said();
        let said = Said {
            host: said.host.or(own.host),
            path: said.path.or(own.path),
            origin: said.origin.or(own.origin),
            user_agent: said.user_agent.or(own.user_agent),
            key: said.key.or(own.key),
            subprotocol: said.subprotocol.or(own.subprotocol),
            extensions: said.extensions.or(own.extensions),
            server_software: said.server_software.or(own.server_software),
        };
        self.texts = Self::new(&said, None).texts;
    }
}
