//! A WebSocket client and server that end in every way, on plain sockets.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

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

/// Lets each packet stand for itself.
fn pause() {
    thread::sleep(Duration::from_millis(20));
}

/// Every ending, in its order.
pub(crate) fn run(listener: &TcpListener) {
    let address = listener.local_addr().expect("an address");
    for (number, ending) in ENDINGS.iter().enumerate() {
        thread::scope(|scope| {
            scope.spawn(|| client(address, ending, number));
            let (stream, _) = listener.accept().expect("a client");
            server(stream, ending);
        });
    }
}

fn client(address: SocketAddr, ending: &str, number: usize) {
    let mut stream = TcpStream::connect(address).expect("a server");
    let key = STANDARD.encode(format!("{number:016}"));
    let request = format!(
        "GET /{ending} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    if ending == "no-answer" {
        return until_the_end(&mut stream);
    }
    read_until(&mut stream, b"\r\n\r\n");
    if ending == "refused" {
        return;
    }
    pause();
    stream.write_all(&frame(1, b"hello", true)).expect("sent");
    match ending {
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

fn server(mut stream: TcpStream, ending: &str) {
    let request = String::from_utf8(read_until(&mut stream, b"\r\n\r\n")).expect("text");
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .expect("a key");
    let answer = Sha1::new()
        .chain_update(key)
        .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        .finalize();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        STANDARD.encode(answer)
    );
    match ending {
        "no-answer" => return,
        "refused" => {
            let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(refusal).expect("sent");
            return until_the_end(&mut stream);
        }
        _ => stream.write_all(answer.as_bytes()).expect("sent"),
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
