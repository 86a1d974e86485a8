//! A WebSocket client and server that end in every way, on plain sockets.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// Those that a network of the test's own can show as well.
pub(crate) const MORE_ENDINGS: [&str; 12] = [
    "server-reset",
    "client-reset",
    "cut-inside-frame",
    "cut-inside-message",
    "one-byte-close",
    "unmasked",
    "ping-unanswered",
    "both-close",
    "fin-then-close",
    "close-then-reset",
    "busy-server-fin",
    "bad-answer",
];

/// One after the other, the path says which.
pub(crate) const ENDINGS: [&str; 11] = [
    "normal",
    "going-away",
    "empty-close",
    "server-error",
    "private-code",
    "server-fin",
    "client-fin",
    "reset",
    "refused",
    "no-answer",
    "close-without-echo",
];

/// Frames shorter than 126 bytes.
fn frame(opcode: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let len = u8::try_from(payload.len()).expect("short");
    let mut bytes = vec![0x80 | opcode, len | if masked { 0x80 } else { 0 }];
    if masked {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        bytes.extend(key);
        bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
    } else {
        bytes.extend(payload);
    }
    bytes
}

fn close(code: u16, reason: &str, masked: bool) -> Vec<u8> {
    frame(
        8,
        &[&code.to_be_bytes(), reason.as_bytes()].concat(),
        masked,
    )
}

/// Reads until `end` is there; what came after it stays unread.
fn read_until(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(end) && stream.read(&mut byte).expect("bytes") == 1 {
        bytes.extend(byte);
    }
    bytes
}

/// Reads a short frame.
fn read_frame(stream: &mut TcpStream) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("a frame");
    let key = usize::from(head[1] >> 7) * 4;
    let mut rest = vec![0; usize::from(head[1] & 0x7f) + key];
    stream.read_exact(&mut rest).expect("a whole frame");
}

fn until_the_end(stream: &mut TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

/// The end may be a reset.
fn until_the_reset(stream: &mut TcpStream) {
    while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
}

/// Lets each packet stand for itself.
fn pause() {
    thread::sleep(Duration::from_millis(20));
}

/// Every ending, in its order.
pub(crate) fn run(listener: &TcpListener) {
    for ending in ENDINGS {
        run_one(listener, ending, &|| {});
    }
}

/// One ending; `enter` takes the thread of the client to where it belongs.
pub(crate) fn run_one(listener: &TcpListener, ending: &str, enter: &(dyn Fn() + Sync)) {
    let address = listener.local_addr().expect("an address");
    thread::scope(|scope| {
        scope.spawn(|| {
            enter();
            client(address, ending);
        });
        let (stream, _) = listener.accept().expect("a client");
        server(stream, ending);
    });
}

/// A client, answered with 101 and heard once.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().expect("a client");
    let answer = switch(&mut stream);
    stream.write_all(answer.as_bytes()).expect("sent");
    read_frame(&mut stream);
    stream
}

/// Closed with a RST instead of a FIN.
#[cfg(target_os = "linux")]
fn reset(stream: TcpStream) {
    let linger = nix::libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    nix::sys::socket::setsockopt(&stream, nix::sys::socket::sockopt::Linger, &linger)
        .expect("an option of every system");
}

#[cfg(not(target_os = "linux"))]
fn reset(_stream: TcpStream) {}

/// A WebSocket up to the answer and one message.
pub(crate) fn open(address: SocketAddr, ending: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a server");
    ask(&mut stream, ending);
    read_until(&mut stream, b"\r\n\r\n");
    pause();
    stream.write_all(&frame(1, b"hello", true)).expect("sent");
    stream
}

fn ask(stream: &mut TcpStream, ending: &str) {
    let key = STANDARD.encode(format!("{ending:.<16.16}"));
    let request = format!(
        "GET /{ending} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("sent");
}

fn client(address: SocketAddr, ending: &str) {
    let mut stream = TcpStream::connect(address).expect("a server");
    ask(&mut stream, ending);
    if ending == "no-answer" {
        return until_the_end(&mut stream);
    }
    read_until(&mut stream, b"\r\n\r\n");
    if ending == "refused" {
        return;
    }
    pause();
    let hello = frame(1, b"hello", ending != "unmasked");
    stream.write_all(&hello).expect("sent");
    match ending {
        "client-reset" => {
            read_frame(&mut stream);
            return reset(stream);
        }
        "cut-inside-frame" => {
            // 100 bytes announced.
            stream
                .write_all(&[0x82, 0x80 | 100, 1, 2, 3, 4, 5, 6])
                .expect("sent");
            pause();
            return;
        }
        "cut-inside-message" => {
            // A first fragment of two.
            stream
                .write_all(&[1, 0x80 | 2, 1, 2, 3, 4, 5, 6])
                .expect("sent");
            pause();
            return;
        }
        "one-byte-close" => stream.write_all(&frame(8, b"x", true)).expect("sent"),
        "both-close" => {
            // Before the other's can be there.
            stream.write_all(&close(1000, "", true)).expect("sent");
            read_frame(&mut stream);
        }
        "fin-then-close" => stream.shutdown(Shutdown::Write).expect("a FIN"),
        "close-then-reset" => {
            read_frame(&mut stream);
            stream.write_all(&close(1001, "", true)).expect("sent");
            pause();
            return reset(stream);
        }
        "normal" => {
            stream.write_all(&close(1000, "bye", true)).expect("sent");
            read_frame(&mut stream);
        }
        "empty-close" => {
            stream.write_all(&frame(8, b"", true)).expect("sent");
            read_frame(&mut stream);
        }
        "going-away" | "server-error" | "private-code" => {
            read_frame(&mut stream);
            let code = code_of(ending);
            stream.write_all(&close(code, "", true)).expect("sent");
        }
        "client-fin" => stream.shutdown(Shutdown::Write).expect("a FIN"),
        "close-without-echo" => stream.write_all(&close(1000, "", true)).expect("sent"),
        _ => {}
    }
    until_the_end(&mut stream);
}

/// The answer to the request, once that is there.
fn switch(stream: &mut TcpStream) -> String {
    let request = String::from_utf8(read_until(stream, b"\r\n\r\n")).expect("text");
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .expect("a key");
    let answer = Sha1::new()
        .chain_update(key)
        .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        .finalize();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        STANDARD.encode(answer)
    )
}

fn server(mut stream: TcpStream, ending: &str) {
    let answer = switch(&mut stream);
    match ending {
        "no-answer" => return,
        "refused" => {
            let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(refusal).expect("sent");
            return until_the_end(&mut stream);
        }
        "bad-answer" => {
            let answer = answer.replace("Accept: ", "Accept: x");
            stream.write_all(answer.as_bytes()).expect("sent");
        }
        _ => stream.write_all(answer.as_bytes()).expect("sent"),
    }
    if ending == "unmasked" {
        // RFC 6455 §5.1: the server must close.
        read_until(&mut stream, b"hello");
        stream.write_all(&close(1002, "", false)).expect("sent");
        return;
    }
    if ending == "reset" {
        // Linux resets a connection that is closed with bytes unread.
        stream.peek(&mut [0]).expect("bytes");
        return;
    }
    read_frame(&mut stream);
    match ending {
        "normal" | "empty-close" => {
            read_frame(&mut stream);
            let echo = match ending {
                "normal" => close(1000, "bye", false),
                _ => frame(8, b"", false),
            };
            stream.write_all(&echo).expect("sent");
        }
        "going-away" | "server-error" | "private-code" => {
            let close = close(code_of(ending), "because", false);
            stream.write_all(&close).expect("sent");
            read_frame(&mut stream);
        }
        "server-reset" => {
            pause();
            reset(stream);
        }
        "client-reset" => {
            stream.write_all(&frame(1, b"hello", false)).expect("sent");
            until_the_reset(&mut stream);
        }
        "cut-inside-frame" | "cut-inside-message" | "fin-then-close" => until_the_end(&mut stream),
        "one-byte-close" => {
            read_frame(&mut stream);
            stream.write_all(&close(1002, "", false)).expect("sent");
        }
        "ping-unanswered" => {
            stream.write_all(&frame(9, b"there?", false)).expect("sent");
            thread::sleep(Duration::from_millis(1500));
            let close = close(1011, "keepalive ping timeout", false);
            stream.write_all(&close).expect("sent");
        }
        "both-close" => {
            stream.write_all(&close(1000, "", false)).expect("sent");
            read_frame(&mut stream);
        }
        "close-then-reset" => {
            stream.write_all(&close(1001, "", false)).expect("sent");
            until_the_reset(&mut stream);
        }
        "busy-server-fin" => {
            for _ in 0..50 {
                stream.write_all(&frame(1, b"news", false)).expect("sent");
            }
        }
        "client-fin" => until_the_end(&mut stream),
        "close-without-echo" => read_frame(&mut stream),
        _ => {}
    }
}

fn code_of(ending: &str) -> u16 {
    match ending {
        "going-away" => 1001,
        "server-error" => 1011,
        _ => 4321,
    }
}
