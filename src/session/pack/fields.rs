//! How each part of a session is packed.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Packed, Packer, Unpacker};
use crate::capture::PacketId;
use crate::session::{
    Anomaly, Captured, Clocks, Close, Confidence, EndKind, Event, Evidence, Opening, Party, Said,
    Sent, Session, Side, State, Tls, Transport, TransportEnd, Verdict, View,
};
use crate::time::Timestamp;
use crate::tls::Stage;

/// Structs, field by field; names all of them. What stands behind a `;` is not read for a row.
macro_rules! fields {
    ($($type:ident { $($field:ident),+ $(; $($rest:ident),+)? $(,)? })+) => {$(
        impl Packed for $type {
            fn blank() -> Self {
                Self { $($field: Packed::blank(),)+ $($($rest: Packed::blank()),+)? }
            }

            fn pack(&self, to: &mut Packer<'_>) {
                let Self { $($field,)+ $($($rest),+)? } = self;
                $($field.pack(to);)+
                $($($rest.pack(to);)+)?
            }

            fn unpack(&mut self, from: &mut Unpacker<'_>) {
                let Self { $($field,)+ $($($rest),+)? } = self;
                $($field.unpack(from);)+
                $(
                    from.end_row();
                    $($rest.unpack(from);)+
                )?
            }
        }
    )+};
}

/// Enums without fields; names all variants.
macro_rules! variants {
    ($($type:ident: $first:ident $(, $variant:ident)*;)+) => {$(
        impl Packed for $type {
            fn blank() -> Self {
                Self::$first
            }

            fn pack(&self, to: &mut Packer<'_>) {
                to.number(*self as u64);
            }

            fn unpack(&mut self, from: &mut Unpacker<'_>) {
                // All that there are: one that is missing here is an error there.
                let all = |variant: Self| match variant {
                    Self::$first $(| Self::$variant)* => variant as u64,
                };
                let number = from.number();
                *self = Self::$first;
                $(if all(Self::$variant) == number {
                    *self = Self::$variant;
                })*
            }
        }
    )+};
}

macro_rules! numbers {
    ($($type:ty)+) => {$(
        impl Packed for $type {
            fn blank() -> Self {
                0
            }

            fn pack(&self, to: &mut Packer<'_>) {
                to.number(u64::from(*self));
            }

            fn unpack(&mut self, from: &mut Unpacker<'_>) {
                *self = Self::try_from(from.number()).unwrap_or_default();
            }
        }
    )+};
}

numbers! { u8 u16 u32 u64 }

variants! {
    Side: Client, Server;
    Party: Client, Server, Both, Network;
    Transport: Ws, Wss, Tls;
    State: Connecting, Open, Closing, Closed, Failed;
    Confidence: Low, Medium, High, Certain;
    Captured: Both, ClientOnly, ServerOnly;
    EndKind: Fin, Rst, CloseNotify, Alert, Silence;
    Stage: Handshake, Opaque;
}

fields! {
    // The first time and packet go before those that are near them.
    Session {
        number, started, first_packet, last_packet, opened, ended, last_byte, transport, client,
        server, opening, tls, vlan, tunnel, clocks, ping_period, transport_end, verdict, closes,
        client_sent, server_sent, anomalies, lost_bytes, captured, related, events,
    }
    Tls { version, cipher_suite, sni, alpn, alert, stage }
    Verdict {
        state, code, reason, clean, closer, culprit, cause; confidence, other_causes, summary,
        advice, client_view, server_view, evidence,
    }
    View { code, reason, clean, presumed, note }
    Close { from, code, reason, lost, packet, time }
    TransportEnd { how, from, packet, time }
    Sent { frames, messages, bytes, pings, pongs, largest_message }
    Anomaly { rule, from, packet, time, detail }
    Evidence { packet, time, from, what }
    Clocks { client, server, either, age }
    Event { time, packet, from, kind, detail }
}

/// Without what is not shown.
impl Packed for Opening {
    fn blank() -> Self {
        Self::default()
    }

    fn pack(&self, to: &mut Packer<'_>) {
        let Said {
            host,
            path,
            origin,
            user_agent,
            key: _,
            subprotocol,
            extensions,
            server_software,
        } = self.said();
        for text in [
            host,
            path,
            origin,
            user_agent,
            subprotocol,
            extensions,
            server_software,
        ] {
            text.is_some().pack(to);
            text.iter().for_each(|text| to.text(text));
        }
        self.http_status.pack(to);
    }

    fn unpack(&mut self, from: &mut Unpacker<'_>) {
        let mut text = || (from.byte() != 0).then(|| from.text());
        let said = Said {
            host: text(),
            path: text(),
            origin: text(),
            user_agent: text(),
            key: None,
            subprotocol: text(),
            extensions: text(),
            server_software: text(),
        };
        let mut status = None;
        status.unpack(from);
        *self = Self::new(&said, status);
    }
}

impl Packed for bool {
    fn blank() -> Self {
        false
    }

    fn pack(&self, to: &mut Packer<'_>) {
        to.out.push(u8::from(*self));
    }

    fn unpack(&mut self, from: &mut Unpacker<'_>) {
        *self = from.byte() != 0;
    }
}

impl Packed for i64 {
    fn blank() -> Self {
        0
    }

    fn pack(&self, to: &mut Packer<'_>) {
        to.signed(*self);
    }

    fn unpack(&mut self, from: &mut Unpacker<'_>) {
        *self = from.signed();
    }
}

impl Packed for Timestamp {
    fn blank() -> Self {
        Self::default()
    }

    fn pack(&self, to: &mut Packer<'_>) {
        let time = self.as_nanos();
        to.signed(time.wrapping_sub(to.time));
        to.time = time;
    }

    fn unpack(&mut self, from: &mut Unpacker<'_>) {
        from.time = from.time.wrapping_add(from.signed());
        *self = Self::from_nanos(from.time);
    }
}

impl Packed for PacketId {
    fn blank() -> Self {
        Self::default()
    }

    fn pack(&self, to: &mut Packer<'_>) {
        let packet = self.to_bits();
        to.signed(packet.wrapping_sub(to.packet).cast_signed());
        to.packet = packet;
    }

    fn unpack(&mut self, from: &mut Unpacker<'_>) {
        from.packet = from.packet.wrapping_add(from.signed().cast_unsigned());
        *self = Self::from_bits(from.packet);
    }
}

impl Packed for SocketAddr {
    fn blank() -> Self {
        Self::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0)
    }

    fn pack(&self, to: &mut Packer<'_>) {
        match self.ip() {
            IpAddr::V4(ip) => {
                to.out.push(4);
                to.out.extend(ip.octets());
            }
            IpAddr::V6(ip) => {
                to.out.push(6);
                to.out.extend(ip.octets());
            }
        }
        to.out.extend(self.port().to_be_bytes());
    }

    fn unpack(&mut self, from: &mut Unpacker<'_>) {
        let ip = match from.byte() {
            6 => Ipv6Addr::from(from.array::<16>()).into(),
            _ => Ipv4Addr::from(from.array::<4>()).into(),
        };
        let port = u16::from_be_bytes(from.array());
        *self = Self::new(ip, port);
    }
}

impl Packed for &'static str {
    fn blank() -> Self {
        ""
    }

    fn pack(&self, to: &mut Packer<'_>) {
        let number = to.names.number(self);
        to.number(number);
    }

    fn unpack(&mut self, from: &mut Unpacker<'_>) {
        let number = from.number();
        *self = from.names.get(number);
    }
}

impl Packed for String {
    fn blank() -> Self {
        Self::new()
    }

    fn pack(&self, to: &mut Packer<'_>) {
        to.text(self);
    }

    fn unpack(&mut self, from: &mut Unpacker<'_>) {
        self.clear();
        self.push_str(from.text());
    }
}

/// Nearly all are part of the program.
impl Packed for Cow<'static, str> {
    fn blank() -> Self {
        Self::Borrowed("")
    }

    fn pack(&self, to: &mut Packer<'_>) {
        match self {
            Self::Borrowed(name) => {
                let number = to.names.number(name);
                to.number(number + 1);
            }
            Self::Owned(text) => {
                to.number(0);
                to.text(text);
            }
        }
    }

    fn unpack(&mut self, from: &mut Unpacker<'_>) {
        *self = match from.number().checked_sub(1) {
            Some(name) => Self::Borrowed(from.names.get(name)),
            None => Self::Owned(from.text().to_owned()),
        };
    }
}

impl<T: Packed> Packed for Option<T> {
    fn blank() -> Self {
        None
    }

    fn pack(&self, to: &mut Packer<'_>) {
        self.is_some().pack(to);
        if let Some(value) = self {
            value.pack(to);
        }
    }

    fn unpack(&mut self, from: &mut Unpacker<'_>) {
        if from.byte() == 0 {
            *self = None;
        } else {
            self.get_or_insert_with(T::blank).unpack(from);
        }
    }
}

impl<T: Packed> Packed for Vec<T> {
    fn blank() -> Self {
        Self::new()
    }

    fn pack(&self, to: &mut Packer<'_>) {
        to.number(self.len() as u64);
        self.iter().for_each(|item| item.pack(to));
    }

    fn unpack(&mut self, from: &mut Unpacker<'_>) {
        let len = from.len();
        self.truncate(len);
        self.iter_mut().for_each(|item| item.unpack(from));
        while self.len() < len {
            let mut item = T::blank();
            item.unpack(from);
            self.push(item);
        }
    }
}
