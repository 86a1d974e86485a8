//! `--metrics`: a page over HTTP, for Prometheus. Just enough of a server for that.
//!
//! A few threads take turns; each connection has a deadline, however slowly it speaks, so those
//! who mean harm keep others waiting for seconds at most, and the capture never.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::report::metrics::{Metrics, Text};

/// Connections that are served at a time; others wait in the kernel's queue, which has a limit.
const THREADS: usize = 4;
/// How long a request may take, and its answer. Prometheus gives up after 10 s.
const DEADLINE: Duration = Duration::from_secs(3);
/// How long to listen for the end of a connection once it is answered.
const GOODBYE: Duration = Duration::from_millis(500);
/// Longest request.
const MAX_HEAD: usize = 8 << 10;
const MAX_HEADERS: usize = 64;
/// The beginning of `/proc/self/status`, which has about 1.5 kB.
const MAX_STATUS: usize = 4 << 10;

/// An address that nobody else has.
pub(super) struct Bound {
    listener: TcpListener,
    /// Opened early: later no file outside of the output places can be.
    status: Option<File>,
}

impl Bound {
    /// Takes `address`.
    ///
    /// # Errors
    /// Where that is not possible: somebody else has it, or it is none of this host.
    pub(super) fn new(address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address)?,
            status: File::open("/proc/self/status").ok(),
        })
    }

    /// Where that is: the port may have been left to the system.
    ///
    /// # Errors
    /// Where the system does not say.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Begins to serve, for as long as the process lives.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub(super) fn serve(self, metrics: Arc<Metrics>) -> io::Result<()> {
        let this = Arc::new(self);
        for _ in 0..THREADS {
            let (this, metrics) = (Arc::clone(&this), Arc::clone(&metrics));
            thread::Builder::new()
                .name("metrics".to_owned())
                .spawn(move || {
                    loop {
                        match this.listener.accept() {
                            // Whoever breaks off has himself to blame.
                            Ok((stream, _)) => drop(this.answer(stream, &metrics)),
                            // No descriptor left, say: not as fast as one can.
                            Err(_) => thread::sleep(Duration::from_millis(100)),
                        }
                    }
                })?;
        }
        Ok(())
    }

    fn answer(&self, mut stream: TcpStream, metrics: &Metrics) -> io::Result<()> {
        let until = Instant::now() + DEADLINE;
        let answer = match read(&mut stream, until)? {
            Asked::Page(text) => {
                let resident = self.status.as_ref().and_then(resident);
                let page = metrics.page(text, resident);
                response("200 OK", text.content_type(), "", &page)
            }
            Asked::Nothing(status, more) => {
                let text = format!("{status}; the metrics are at /metrics\n");
                response(status, "text/plain; charset=utf-8", more, &text)
            }
        };
        write(&mut stream, until, answer.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        // What was sent and not read would turn the end into a reset, which may cost the answer.
        let until = Instant::now() + GOODBYE;
        let mut rest = [0; 1024];
        while wait_until(until, |left| stream.set_read_timeout(left)) && stream.read(&mut rest)? > 0
        {
        }
        Ok(())
    }
}

/// What a request wants.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Page(Text),
    /// The status to answer with, and fields that go with it.
    Nothing(&'static str, &'static str),
}

fn read(stream: &mut TcpStream, until: Instant) -> io::Result<Asked> {
    let mut head = Vec::new();
    let mut bytes = [0; 1024];
    while wait_until(until, |left| stream.set_read_timeout(left)) {
        let count = stream.read(&mut bytes)?;
        head.extend_from_slice(bytes.get(..count).unwrap_or_default());
        if let Some(asked) = asked(&head) {
            return Ok(asked);
        }
        if count == 0 {
            break;
        }
        if head.len() > MAX_HEAD {
            return Ok(Asked::Nothing("431 Request Header Fields Too Large", ""));
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// What a head wants; `None` where it is not whole yet.
fn asked(head: &[u8]) -> Option<Asked> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Partial) => return None,
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => {
            return Some(Asked::Nothing("431 Request Header Fields Too Large", ""));
        }
        Err(_) => return Some(Asked::Nothing("400 Bad Request", "")),
    }
    let path = request.path.unwrap_or_default();
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let takes = |header: &httparse::Header<'_>| {
        header.name.eq_ignore_ascii_case("accept")
            && String::from_utf8_lossy(header.value).contains("application/openmetrics-text")
    };
    Some(match (request.method, path) {
        (Some("GET"), "/metrics") => Asked::Page(if request.headers.iter().any(takes) {
            Text::OpenMetrics
        } else {
            Text::Prometheus
        }),
        (_, "/metrics") => Asked::Nothing("405 Method Not Allowed", "Allow: GET\r\n"),
        _ => Asked::Nothing("404 Not Found", ""),
    })
}

fn response(status: &str, kind: &str, more: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{more}\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn write(stream: &mut TcpStream, until: Instant, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        if !wait_until(until, |left| stream.set_write_timeout(left)) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match stream.write(bytes)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => bytes = bytes.get(count..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Sets how long the next step may take; false where no time is left.
fn wait_until(until: Instant, set: impl FnOnce(Option<Duration>) -> io::Result<()>) -> bool {
    let left = until.saturating_duration_since(Instant::now());
    !left.is_zero() && set(Some(left)).is_ok()
}

/// `VmRSS` of `/proc/self/status`, in bytes.
fn resident(status: &File) -> Option<u64> {
    let mut text = [0; MAX_STATUS];
    let count = status.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(text.get(..count)?).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests: a panic is a failure")]
mod tests {
    use super::*;

    fn server() -> SocketAddr {
        let bound = Bound::new("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = bound.address().unwrap();
        bound.serve(Arc::new(Metrics::new())).unwrap();
        address
    }

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn only_the_page_can_be_had() {
        let address = server();
        let page = ask(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(page.contains(Text::Prometheus.content_type()), "{page}");
        let accept = "GET /metrics HTTP/1.1\r\naccept: application/openmetrics-text;version=1.0.0,*/*\r\n\r\n";
        let page = ask(address, accept);
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        assert!(page.contains(Text::OpenMetrics.content_type()) && page.ends_with("# EOF\n"));
        let (head, body) = page.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
        let query = ask(address, "GET /metrics?a=b HTTP/1.0\r\n\r\n");
        assert!(query.contains(" 200 "), "{query}");
        for (request, status) in [
            ("GET / HTTP/1.1\r\n\r\n", "404"),
            ("GET /metrics/../etc HTTP/1.1\r\n\r\n", "404"),
            (
                "POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
                "405",
            ),
            ("\u{1}\u{2}\r\n\r\n", "400"),
            ("GET /metrics HTTP/9\r\n\r\n", "400"),
        ] {
            let answer = ask(address, request);
            assert!(answer.contains(&format!(" {status} ")), "{answer}");
            assert!(!answer.contains("hangup_"), "{answer}");
        }
        let many = "x: y\r\n".repeat(MAX_HEADERS + 1);
        let answer = ask(address, &format!("GET /metrics HTTP/1.1\r\n{many}\r\n"));
        assert!(answer.contains(" 431 "), "{answer}");
        let long = format!("GET /metrics HTTP/1.1\r\nx: {}", "y".repeat(MAX_HEAD));
        assert!(ask(address, &long).contains(" 431 "));
    }

    #[test]
    fn those_who_say_nothing_are_not_waited_for() {
        let address = server();
        // Twice as many as there are threads.
        let silent: Vec<TcpStream> = (0..2 * THREADS)
            .map(|_| {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.write_all(b"GET /metrics HTTP/1.1\r\n").unwrap();
                stream
            })
            .collect();
        let page = ask(address, "GET /metrics HTTP/1.1\r\n\r\n");
        assert!(page.contains(" 200 "), "{page}");
        drop(silent);
    }

    #[test]
    fn those_who_trickle_or_never_read_are_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut near, _) = listener.accept().unwrap();
        // It would take more than two hours like that.
        let trickle = thread::spawn(move || {
            while far.write_all(b"G").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let until = Instant::now() + Duration::from_millis(100);
        assert!(read(&mut near, until).is_err());
        drop(near);
        trickle.join().unwrap();
        let _far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut near, _) = listener.accept().unwrap();
        // More than any buffer of the kernel takes.
        let bytes = vec![0; 64 << 20];
        let until = Instant::now() + Duration::from_millis(100);
        assert!(write(&mut near, until, &bytes).is_err());
    }

    #[test]
    fn an_address_in_use_is_not_shared() {
        let first = Bound::new("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(Bound::new(first.address().unwrap()).is_err());
    }

    #[test]
    fn memory_is_read_where_the_system_tells_it() {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&path, "Name:\thangup\nVmRSS:\t    2048 kB\n").unwrap();
        assert_eq!(resident(&File::open(&path).unwrap()), Some(2 << 20));
        std::fs::write(&path, "VmRSS: much\n").unwrap();
        assert_eq!(resident(&File::open(&path).unwrap()), None);
    }
}
