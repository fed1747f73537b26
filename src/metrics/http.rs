//! A small HTTP/1.1 server: `GET /metrics` and `GET /healthz`, for a scraper and for whoever looks.
//!
//! One thread, one connection at a time, one request a connection. What a client can take of it is bounded: the bytes
//! of a request, the time until it has come, and the time until the answer is gone; less of both when others wait.
//! Rules: RFC 9110 and RFC 9112.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// The longest request line and headers together. A browser with many cookies sends some KiB.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// How long a request may take to come, and its answer to go.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a client has to read what is left of the answer, before the connection is torn down.
const LINGER: Duration = Duration::from_millis(250);
/// How long either may take once others wait.
const PATIENCE_IN_A_QUEUE: Duration = Duration::from_millis(100);
/// A failing `accept` means that there are no descriptors, say; it may have passed by then.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers requests as long as the process lives; `metrics` makes the page.
pub fn serve(listener: &TcpListener, metrics: &dyn Fn() -> String) {
    loop {
        match listener.accept() {
            // A client that goes away is nobody's problem.
            Ok((client, _)) => drop(attend(&client, listener, metrics)),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn attend(client: &TcpStream, listener: &TcpListener, metrics: &dyn Fn() -> String) -> io::Result<()> {
    let answer = match read_head(client, listener)? {
        Head::Whole(head) => answer(&head, metrics),
        Head::TooLong => Answer::error(431, "the request is too long"),
        Head::Late => Answer::error(408, "the request did not come in time"),
        Head::Gone => return Ok(()),
    };
    send(client, &answer.bytes())?;
    // Closing at once would reset the connection if there is more of a request, and the answer might be lost.
    client.shutdown(Shutdown::Write)?;
    let mut turn = Turn::new(client, listener, LINGER);
    let mut rest = [0; 4096];
    while turn.wait()? && (&*client).read(&mut rest)? > 0 {}
    Ok(())
}

/// What has come of a request.
#[derive(Debug, PartialEq, Eq)]
enum Head {
    /// The request line and all headers.
    Whole(Vec<u8>),
    TooLong,
    /// Something, but not all of it in time.
    Late,
    /// Nothing.
    Gone,
}

fn read_head(client: &TcpStream, listener: &TcpListener) -> io::Result<Head> {
    let (mut head, mut piece) = (Vec::new(), [0; 4096]);
    let mut turn = Turn::new(client, listener, PATIENCE);
    loop {
        if !turn.wait()? {
            return Ok(if head.is_empty() { Head::Gone } else { Head::Late });
        }
        let len = (&*client).read(&mut piece)?;
        // The end may stand across two pieces.
        let from = head.len().saturating_sub(3);
        head.extend_from_slice(&piece[..len]);
        if let Some(end) = end_of_head(&head[from..]) {
            head.truncate(from + end);
            return Ok(if head.len() > HEAD_BYTES_MAX { Head::TooLong } else { Head::Whole(head) });
        }
        if len == 0 {
            return Ok(Head::Gone);
        }
        if head.len() > HEAD_BYTES_MAX {
            return Ok(Head::TooLong);
        }
    }
}

/// Where the empty line behind the headers begins. A line may end with a line feed alone.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let crlf = memchr::memmem::find(bytes, b"\r\n\r\n");
    let lf = memchr::memmem::find(bytes, b"\n\n");
    crlf.into_iter().chain(lf).min()
}

/// A client's turn, which is shorter once others wait.
struct Turn<'c> {
    client: &'c TcpStream,
    /// Where others come from, until one has.
    others: Option<&'c TcpListener>,
    until: Instant,
}

impl<'c> Turn<'c> {
    fn new(client: &'c TcpStream, listener: &'c TcpListener, patience: Duration) -> Turn<'c> {
        Turn { client, others: Some(listener), until: Instant::now() + patience }
    }

    /// Waits until there are bytes to read, or the end of them. Returns whether they came in time.
    fn wait(&mut self) -> io::Result<bool> {
        loop {
            let left = self.until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            let mut fds = vec![PollFd::from_borrowed_fd(self.client.as_fd(), PollFlags::IN)];
            fds.extend(self.others.map(|others| PollFd::from_borrowed_fd(others.as_fd(), PollFlags::IN)));
            match poll(&mut fds, Some(&left)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) if !fds[0].revents().is_empty() => return Ok(true),
                Ok(_) => {
                    self.others = None;
                    self.until = self.until.min(Instant::now() + PATIENCE_IN_A_QUEUE);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Sends all of it, unless the client takes too long.
fn send(mut client: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    while !bytes.is_empty() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        client.set_write_timeout(Some(left))?;
        match client.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(sent) => bytes = &bytes[sent..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

struct Answer {
    status: u16,
    content_type: &'static str,
    body: String,
    /// Whether only the headers go.
    bare: bool,
}

impl Answer {
    fn text(body: String) -> Answer {
        Answer { status: 200, content_type: "text/plain; charset=utf-8", body, bare: false }
    }

    fn error(status: u16, what: &str) -> Answer {
        Answer { status, ..Answer::text(format!("{what}\n")) }
    }

    fn bytes(&self) -> Vec<u8> {
        let Answer { status, content_type, body, bare } = self;
        let reason = match status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            431 => "Request Header Fields Too Large",
            _ => "HTTP Version Not Supported",
        };
        let allow = if *status == 405 { "Allow: GET, HEAD\r\n" } else { "" };
        let now = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\nDate: {now}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n{allow}\
             Connection: close\r\n\r\n",
            body.len()
        );
        let body = if *bare { "" } else { body };
        [head.as_bytes(), body.as_bytes()].concat()
    }
}

/// The answer to a request, of which `head` is all up to the empty line.
fn answer(head: &[u8], metrics: &dyn Fn() -> String) -> Answer {
    let (method, target) = match request(head) {
        Ok(request) => request,
        Err(refused) => return refused,
    };
    let bare = method == "HEAD";
    if !bare && method != "GET" {
        return Answer::error(405, "only GET and HEAD");
    }
    let found = match path(target) {
        "/metrics" => {
            Answer { content_type: "text/plain; version=0.0.4; charset=utf-8", ..Answer::text(metrics()) }
        }
        "/healthz" => Answer::text("ok\n".to_owned()),
        "/" => Answer::text(
            "windrow: /metrics has the metrics of this run, /healthz says that it goes on\n".to_owned(),
        ),
        _ => Answer::error(404, "there is /metrics, and /healthz"),
    };
    Answer { bare, ..found }
}

/// The method and the target of a request.
fn request(head: &[u8]) -> Result<(&str, &str), Answer> {
    let bad = || Answer::error(400, "this is no HTTP request");
    let head = std::str::from_utf8(head).map_err(|_| bad())?;
    // An empty line before the request is to be passed over.
    let mut lines = head.trim_start_matches(['\r', '\n']).lines();
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let &[method, target, version] = &words[..] else { return Err(bad()) };
    let is_token = !method.is_empty() && method.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !is_token || target.is_empty() {
        return Err(bad());
    }
    match version.strip_prefix("HTTP/").map(str::as_bytes) {
        Some([b'1', b'.', minor]) if minor.is_ascii_digit() => {
            let has_host =
                lines.any(|line| line.get(..5).is_some_and(|name| name.eq_ignore_ascii_case("host:")));
            // Whoever speaks HTTP/1.1 names the host.
            if *minor > b'0' && !has_host { Err(bad()) } else { Ok((method, target)) }
        }
        Some([major, b'.', minor]) if major.is_ascii_digit() && minor.is_ascii_digit() => {
            Err(Answer::error(505, "this is a server for HTTP/1.1"))
        }
        _ => Err(bad()),
    }
}

/// The path of a target, which may be a whole URL.
fn path(target: &str) -> &str {
    let target = target.split(['?', '#']).next().unwrap_or_default();
    match target.strip_prefix("http://") {
        None => target,
        Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(head: &str) -> String {
        String::from_utf8(answer(head.as_bytes(), &|| "a 1\n".to_owned()).bytes()).unwrap()
    }

    #[test]
    fn requests() {
        let check = |head: &str, status: u16| {
            let answer = answered(head);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head:?}: {answer}");
            assert_eq!(answer.contains("\r\nAllow: GET, HEAD\r\n"), status == 405, "{answer}");
        };
        check("GET /metrics HTTP/1.1\r\nHost: a", 200);
        check("GET /metrics HTTP/1.1\nhost:a", 200);
        check("GET /metrics HTTP/1.0", 200);
        check("\r\nGET /metrics?a=b HTTP/1.1\r\nAccept: */*\r\nHOST:", 200);
        check("GET http://a:1/metrics HTTP/1.1\r\nHost: a", 200);
        check("HEAD /healthz HTTP/1.1\r\nHost: a", 200);
        check("GET / HTTP/1.1\r\nHost: a", 200);
        check("GET /metrics/ HTTP/1.1\r\nHost: a", 404);
        check("GET * HTTP/1.1\r\nHost: a", 404);
        check("POST /metrics HTTP/1.1\r\nHost: a", 405);
        check("DELETE /nothing HTTP/1.1\r\nHost: a", 405);
        check("GET /metrics HTTP/1.1", 400);
        check("GET /metrics", 400);
        check("GET  /metrics HTTP/1.1\r\nHost: a", 400);
        check("GET /metrics HTTP/1.x\r\nHost: a", 400);
        check("G\u{e9}T /metrics HTTP/1.1\r\nHost: a", 400);
        check("", 400);
        check("\u{16}\u{3}\u{1}", 400);
        check("PRI * HTTP/2.0", 505);
    }

    #[test]
    fn a_head_request_gets_the_length_and_no_body() {
        let get = answered("GET /metrics HTTP/1.1\r\nHost: a");
        let head = answered("HEAD /metrics HTTP/1.1\r\nHost: a");
        let without_date = |text: &str| {
            text.lines().filter(|line| !line.starts_with("Date: ")).collect::<Vec<_>>().join("\n")
        };
        let (head_of_get, body) = get.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "a 1\n");
        assert!(head_of_get.contains("\r\nContent-Length: 4\r\n"), "{get}");
        assert!(
            head_of_get.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            "{get}"
        );
        assert_eq!(without_date(head.trim_end()), without_date(head_of_get));
    }

    #[test]
    fn ends_of_heads() {
        assert_eq!(end_of_head(b"a\r\n\r\nb\n\n"), Some(1));
        assert_eq!(end_of_head(b"a\n\nb\r\n\r\n"), Some(1));
        assert_eq!(end_of_head(b"a\r\nb\r\n"), None);
    }
}
