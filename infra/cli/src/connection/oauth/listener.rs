//! The loopback listener that a browser comes back to after a sign-in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use url::Url;

use super::{Code, NoAnswer, Question};
use crate::Failure;
use crate::output::counted;

/// A request of a browser has some hundred bytes.
const LARGEST: usize = 16 << 10;
/// Browsers open connections that they don't use.
const PATIENCE: Duration = Duration::from_secs(10);

/// What listens where the browser comes back to.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    /// The address with the port that it really has.
    redirect: Url,
}

impl Listener {
    /// Listens on the loopback address that `redirect` names; port 0 is any free one.
    ///
    /// # Errors
    /// [`Failure`] if the port is taken.
    pub async fn bind(redirect: &Url) -> Result<Self, Failure> {
        let ip = match redirect.host_str() {
            Some("[::1]") => IpAddr::V6(Ipv6Addr::LOCALHOST),
            _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let port = redirect.port().unwrap_or(80);
        let taken = |error: std::io::Error| {
            Failure::new(format!("nothing can listen on {ip}:{port} for the browser to come back to: {error}"))
                .hint("end what listens there, or name another address with --redirect-uri; the OAuth app has to know it")
        };
        let socket = TcpListener::bind(SocketAddr::new(ip, port)).await.map_err(taken)?;
        let mut redirect = redirect.clone();
        // A URL with a host can have a port.
        let _ = redirect.set_port(socket.local_addr().ok().map(|address| address.port()));
        Ok(Self { socket, redirect })
    }

    /// Where the browser is to come back to.
    #[must_use]
    pub const fn redirect(&self) -> &Url {
        &self.redirect
    }

    /// Waits for the browser. What does not answer our question is told so, and changes nothing.
    ///
    /// # Errors
    /// [`Failure`] if the destination refuses, or nobody comes in time.
    pub async fn wait(&self, question: &Question, limit: Duration) -> Result<Code, Failure> {
        let late = |_| {
            Failure::new(format!("nobody came back from the browser within {}", counted(limit.as_secs(), "second"))).hint(
                "run it again; where the browser is on another machine, --paste takes the address that it ended at; where the \
                 destination takes no address of this machine, --redirect-uri names one that its OAuth app knows",
            )
        };
        timeout(limit, self.answered(question)).await.map_err(late)?
    }

    async fn answered(&self, question: &Question) -> Result<Code, Failure> {
        let mut talks = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, _)) => talks.push(self.talk(stream, question)),
                    // The visitor has gone again.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
                // Whatever came of one talk, the others are still to be listened to.
                Some(done) = talks.next() => if let Some(answer) = done { return answer },
            }
        }
    }

    /// One visitor: what they brought, if it is the answer.
    async fn talk(&self, mut stream: TcpStream, question: &Question) -> Option<Result<Code, Failure>> {
        let address = timeout(PATIENCE, asked(&mut stream, &self.redirect)).await.ok()??;
        if address.path() != self.redirect.path() {
            reply(&mut stream, "404 Not Found", "There is nothing here.").await;
            return None;
        }
        match question.read(&address) {
            Ok(Ok(code)) => {
                reply(
                    &mut stream,
                    "200 OK",
                    "Signed in. You can close this window: segue goes on in the terminal.",
                )
                .await;
                Some(Ok(code))
            }
            Ok(Err(refused)) => {
                reply(&mut stream, "200 OK", "The sign-in was refused. segue says more in the terminal.")
                    .await;
                Some(Err(refused))
            }
            Err(NoAnswer(why)) => {
                reply(
                    &mut stream,
                    "400 Bad Request",
                    &format!("This address is not the one that segue waits for: {why}."),
                )
                .await;
                None
            }
        }
    }
}

/// The address that a visitor asks for; `None` if they ask for nothing that makes sense.
async fn asked(stream: &mut TcpStream, redirect: &Url) -> Option<Url> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() >= LARGEST || stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let line = std::str::from_utf8(&head).ok()?.lines().next()?;
    let target = line.strip_prefix("GET ")?.split(' ').next().filter(|target| target.starts_with('/'))?;
    // Put behind the origin, not joined to it: `//evil.org/` is a path here.
    Url::parse(&format!("{}{target}", redirect.origin().ascii_serialization())).ok()
}

async fn reply(stream: &mut TcpStream, status: &str, text: &str) {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>segue</title><p>{text}</p></html>\n"
    );
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nreferrer-policy: no-referrer\r\ncontent-security-policy: default-src 'none'\r\n\
         connection: close\r\n\r\n{page}",
        page.len()
    );
    // A browser that went away has its answer already, or none.
    let _ = timeout(PATIENCE, async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    })
    .await;
}
