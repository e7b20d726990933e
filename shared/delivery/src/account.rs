//! Signing in once and asking whose account that is: when a connection is made, and when it is tested. A person waits
//! for the answer, so each failure says what it was, and little is tried twice.

mod audience;
mod offered;

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::time::Duration;

use http::header::RETRY_AFTER;
use secrecy::SecretString;
use segue_platform::{Deadline, SecretError, Secrets};
use segue_state::config::Account;
use tokio::time::sleep;

use crate::destination::{CredentialsError, Destination, Exchange, Session, SignIn};
use crate::wire::{self, Answer, Request};

pub use audience::NoAudience;
pub(crate) use offered::Listings;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Questions to a destination that is throttling or in trouble, as long as it does not ask for patience.
const TRIES: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(3);
/// Longer than all tries together.
const LONGEST: Duration = Duration::from_mins(2);

/// Whose account it is.
#[derive(Debug)]
pub struct Found {
    /// The account.
    pub account: Account,
    /// Set if the destination gave a new token and it could not be stored.
    pub unsaved: Option<SecretError>,
    session: Session,
    client: reqwest::Client,
}

/// Why an account could not be found.
#[derive(Debug, thiserror::Error)]
pub enum NoAccount {
    /// TLS can't be set up here.
    #[error("TLS can't be set up on this machine")]
    NoTls,
    /// The secret can't be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// It does not hold what is needed.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The destination refuses the credentials for good: an error of RFC 6749, or a status.
    #[error("the destination refused the credentials ({0}); reconnect this account")]
    Dead(String),
    /// It can't be reached.
    #[error("{host} can't be reached: {why}")]
    Unreachable {
        /// Its host.
        host: String,
        /// Why.
        why: Unreachable,
    },
    /// It answered, and did not say whose account it is.
    #[error("{}", instead(host, answer.status))]
    Answered {
        /// Its host.
        host: String,
        /// What it said instead.
        answer: Answer,
    },
}

/// What an answer says that does not say whose account it is.
fn instead(host: &str, status: u16) -> String {
    match status {
        401 => format!("{host} refuses the credentials (HTTP 401)"),
        403 => format!("{host} knows the credentials, and they may not do this (HTTP 403)"),
        429 => format!("{host} throttles this account (HTTP 429): try again in a minute"),
        500..=599 => format!("{host} has trouble of its own (HTTP {status}): try again later"),
        _ => format!("{host} did not say whose account it is (HTTP {status})"),
    }
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// DNS does not know it, or can't be asked.
    #[error("its name could not be looked up (DNS)")]
    Name,
    /// Nothing takes connections there.
    #[error("the connection was refused")]
    Refused,
    /// It took too long to get a connection, or there is no way there.
    #[error("no connection could be made")]
    NoConnection,
    /// There was a connection, and no TLS over it.
    #[error("no TLS: {0}")]
    Tls(String),
    /// There was a connection, and no answer in time.
    #[error("no answer in time")]
    Silent,
    /// Anything else that broke.
    #[error("the connection broke")]
    Broke,
}

/// Signs in with the secret `name` of `secrets` and asks for the account. A new token is stored there.
///
/// # Errors
/// See [`NoAccount`].
pub async fn find_account(
    destination: &dyn Destination,
    secrets: &dyn Secrets,
    name: &str,
) -> Result<Found, NoAccount> {
    let client = wire::client().map_err(|_| NoAccount::NoTls)?;
    let (session, unsaved) = sign_in(destination, &client, secrets, name).await?;
    let account = whose(destination, &client, &session, Deadline::after(LONGEST)).await?;
    Ok(Found { account, unsaved, session, client })
}

/// Asks whose session it is.
async fn whose(
    destination: &dyn Destination,
    client: &reqwest::Client,
    session: &Session,
    deadline: Deadline,
) -> Result<Account, NoAccount> {
    let (host, answer) = ask_by(client, &destination.account_request(session), deadline).await?;
    match answer.is_success().then(|| destination.read_account(&answer)).flatten() {
        Some(account) => Ok(account),
        None => Err(NoAccount::Answered { host, answer }),
    }
}

async fn sign_in(
    destination: &dyn Destination,
    client: &reqwest::Client,
    secrets: &dyn Secrets,
    name: &str,
) -> Result<(Session, Option<SecretError>), NoAccount> {
    let mut value = secrets.get(name).await?;
    let mut current = value.version.clone();
    loop {
        let request = match destination.sign_in(&value.text)? {
            SignIn::Ready(session) => return Ok((session, None)),
            SignIn::Exchange(request) => request,
        };
        let (host, answer) = ask(client, &request).await?;
        match destination.signed_in(&value.text, &answer) {
            Exchange::Session(session, changed) => {
                let unused = (value.version != current).then_some(value.text);
                let unsaved = match changed.or(unused) {
                    Some(text) => store(secrets, name, &text, &current).await.err(),
                    None => None,
                };
                return Ok((session, unsaved));
            }
            Exchange::Again(_) => return Err(NoAccount::Answered { host, answer }),
            Exchange::Dead(error) => {
                // As for the functions: an operator may have connected the account again in between, or a function
                // was killed before the token that it got became the current one.
                let again = secrets.get(name).await?;
                if again.version != current {
                    current.clone_from(&again.version);
                    value = again;
                    continue;
                }
                match secrets.refreshed(name).await? {
                    Some(newer) if newer.version != value.version => value = newer,
                    _ => return Err(NoAccount::Dead(error)),
                }
            }
        }
    }
}

/// Stores a new token in the place of the version `current`. What an operator stored in between stays.
async fn store(
    secrets: &dyn Secrets,
    name: &str,
    text: &SecretString,
    current: &str,
) -> Result<(), SecretError> {
    let mut tried = 1;
    loop {
        match secrets.refresh(name, text, current).await {
            Ok(()) | Err(SecretError::Changed(_)) => return Ok(()),
            Err(error) if tried >= TRIES => return Err(error),
            Err(_) => sleep(pause(tried)).await,
        }
        tried += 1;
    }
}

/// Sends one request of a sign-in that a person waits for, such as the one that gets a token for an OAuth code.
///
/// # Errors
/// [`NoAccount::NoTls`], [`NoAccount::Unreachable`], and [`NoAccount::Answered`] if the destination is in trouble.
pub async fn question(request: &Request) -> Result<Answer, NoAccount> {
    let client = wire::client().map_err(|_| NoAccount::NoTls)?;
    Ok(ask(&client, request).await?.1)
}

/// The answer to a question, and who gave it.
async fn ask(client: &reqwest::Client, request: &Request) -> Result<(String, Answer), NoAccount> {
    ask_by(client, request, Deadline::after(LONGEST)).await
}

/// The same for somebody who waits until then only.
async fn ask_by(
    client: &reqwest::Client,
    request: &Request,
    deadline: Deadline,
) -> Result<(String, Answer), NoAccount> {
    let host = host(&request.url);
    let mut tried = 1;
    loop {
        let answer = match once(client, request, TIMEOUT.min(deadline.left())).await {
            Ok(answer) => answer,
            Err(why) => return Err(NoAccount::Unreachable { host, why }),
        };
        let wish = answer.retry_after.unwrap_or_default();
        if answer.trouble().is_none() {
            return Ok((host, answer));
        }
        let pause = wish.max(pause(tried));
        if tried >= TRIES || wish > PATIENCE || pause >= deadline.left() {
            return Err(NoAccount::Answered { host, answer });
        }
        sleep(pause).await;
        tried += 1;
    }
}

const fn pause(tried: u32) -> Duration {
    Duration::from_millis(250 << tried)
}

/// The host of a URL, for people: no path, no query.
fn host(url: &str) -> String {
    let Ok(url) = reqwest::Url::parse(url) else { return "its URL".to_owned() };
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// As `wire::send`, for somebody who has to know why there was no answer.
async fn once(client: &reqwest::Client, request: &Request, limit: Duration) -> Result<Answer, Unreachable> {
    let Request { method, url, headers, body, .. } = request.clone();
    let sent = client.request(method, url).headers(headers).body(body).timeout(limit).send().await;
    let answer = sent.map_err(|error| why(&error))?;
    let status = answer.status().as_u16();
    let wish = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let retry_after = wish.map(Duration::from_secs);
    let body = answer.bytes().await.map_err(|error| why(&error))?;
    Ok(Answer { status, retry_after, body })
}

/// Told by the errors that an error stems from; none of their texts but that of TLS is kept.
fn why(error: &reqwest::Error) -> Unreachable {
    match (error.is_timeout(), error.is_connect()) {
        (true, true) => return Unreachable::NoConnection,
        (true, false) => return Unreachable::Silent,
        (false, true) => {}
        (false, false) => return Unreachable::Broke,
    }
    let mut stage = String::new();
    let mut source = error.source();
    while let Some(error) = source {
        match (stage.as_str(), error.downcast_ref::<std::io::Error>().map(|io| (io.kind(), io))) {
            // The connector's own words.
            ("dns error", _) => return Unreachable::Name,
            ("tcp connect error", Some((ErrorKind::ConnectionRefused, _))) => return Unreachable::Refused,
            ("tcp connect error", _) => return Unreachable::NoConnection,
            // Whatever breaks between the connection and the request is TLS.
            (_, Some((_, io))) => return Unreachable::Tls(io.to_string()),
            (_, None) => {}
        }
        stage = error.to_string();
        source = error.source();
    }
    Unreachable::Broke
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, Method};
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn request(url: &str) -> Request {
        let (method, headers, body) = (Method::GET, HeaderMap::new(), Bytes::new());
        Request { endpoint: "e", method, url: url.to_owned(), headers, body }
    }

    async fn unreachable(url: &str) -> Unreachable {
        let client = wire::client().unwrap();
        once(&client, &request(url), Duration::from_secs(2)).await.unwrap_err()
    }

    /// A server that does this with each connection; its address.
    async fn server(reads: bool) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 1024]).await;
                if reads {
                    kept.push(stream);
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn each_way_of_not_being_reached_is_told_apart() {
        // No label of a host name is this long, so nobody is asked.
        let nobody = format!("http://{}.example/v1", "a".repeat(64));
        assert_eq!(unreachable(&nobody).await, Unreachable::Name);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = listener.local_addr().unwrap();
        drop(listener);
        assert_eq!(unreachable(&format!("https://{closed}/")).await, Unreachable::Refused);
        let (silent, rude) = (server(true).await, server(false).await);
        assert_eq!(unreachable(&format!("http://{silent}/")).await, Unreachable::Silent);
        assert_eq!(unreachable(&format!("http://{rude}/")).await, Unreachable::Broke);
        let tls = unreachable(&format!("https://{rude}/")).await;
        assert!(matches!(tls, Unreachable::Tls(_)), "{tls:?}");
        let plain = MockServer::start().await;
        let tls = unreachable(&plain.uri().replace("http", "https")).await;
        assert!(matches!(tls, Unreachable::Tls(_)), "{tls:?}");
    }

    #[tokio::test]
    async fn a_moment_of_trouble_is_waited_for_and_a_long_one_is_told() {
        for (status, wish, asked) in
            [(503, None, 3), (429, Some("1"), 3), (429, Some("60"), 1), (401, None, 1)]
        {
            let server = MockServer::start().await;
            let answer = ResponseTemplate::new(status);
            let answer = wish.map_or(answer.clone(), |wish| answer.insert_header("retry-after", wish));
            Mock::given(any()).respond_with(answer).expect(asked).mount(&server).await;
            let got = ask(&wire::client().unwrap(), &request(&server.uri())).await;
            let told = match got {
                Ok((host, answer)) | Err(NoAccount::Answered { host, answer }) => (host, answer.status),
                Err(error) => panic!("{error}"),
            };
            assert_eq!(told, (server.address().to_string(), status));
        }
    }
}
