//! One client: the protocol's own types over a plain WebSocket.

mod acts;

use std::collections::VecDeque;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use readrealm_protocol::client::ClientEvent;
use readrealm_protocol::ids::RequestId;
use readrealm_protocol::server::{ErrorReply, ServerFrame};
use readrealm_protocol::{ClientFrame, ErrorCode, Message, ServerEvent, codec};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest, handshake::client::Response, http::Request};

use crate::{PATIENCE, Server};

pub use acts::{appended, posting};

/// A connection, and what it has heard and nobody has asked for yet.
#[derive(Debug)]
pub struct Client {
    /// Who it says it is.
    pub user: String,
    socket: WebSocketStream<TcpStream>,
    inbox: VecDeque<Heard>,
    requests: u32,
}

/// A frame as it came.
#[derive(Debug, Clone)]
pub struct Heard {
    /// What it says.
    pub frame: ServerFrame,
    /// Its text.
    pub text: String,
}

/// How a connection ended: the code and the reason; 1006 where the socket ended without a close.
pub type Closed = (u16, String);

/// A valid value of the protocol out of a test's own number or text.
pub fn valid<T, V>(value: V) -> T
where
    T: TryFrom<V>,
    T::Error: std::fmt::Debug,
{
    T::try_from(value).expect("a valid value")
}

impl Client {
    /// Connects as `user`.
    pub async fn connect(server: &Server, user: &str) -> Self {
        Self::connect_with(server, user, &[])
            .await
            .expect("the connection is let in")
            .0
    }

    /// Connects with further headers in the handshake. Fails with the status where the server answers another than 101.
    pub async fn connect_with(server: &Server, user: &str, headers: &[(&str, &str)]) -> Result<(Self, Response), u16> {
        Self::connect_through(TcpSocket::new_v4().expect("a socket"), server, user, headers).await
    }

    /// Connects through a socket with settings of its own.
    pub async fn connect_through(
        socket: TcpSocket,
        server: &Server,
        user: &str,
        headers: &[(&str, &str)],
    ) -> Result<(Self, Response), u16> {
        let mut request = format!("ws://{}/ws", server.address())
            .into_client_request()
            .expect("a request");
        for (name, value) in headers {
            let name: tungstenite::http::HeaderName = name.parse().expect("a header's name");
            request
                .headers_mut()
                .insert(name, value.parse().expect("a header's value"));
        }
        let handshake = shake_hands(socket, server.address(), request);
        match tokio::time::timeout(PATIENCE, handshake)
            .await
            .expect("the server answers the handshake")
        {
            Ok((socket, response)) => Ok((Self::over(socket, user), response)),
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("the handshake failed: {error}"),
        }
    }

    /// Connects to an address where nobody may be, or nobody who answers: then it takes as long as it is waited for.
    pub async fn dial(address: SocketAddr, user: &str) -> Result<Self, tungstenite::Error> {
        let request = format!("ws://{address}/ws").into_client_request()?;
        let (socket, _) = shake_hands(TcpSocket::new_v4()?, address, request).await?;
        Ok(Self::over(socket, user))
    }

    fn over(socket: WebSocketStream<TcpStream>, user: &str) -> Self {
        Self {
            user: user.to_owned(),
            socket,
            inbox: VecDeque::new(),
            requests: 0,
        }
    }

    /// Sends a request to a server that may be gone.
    pub async fn try_request(&mut self, event: ClientEvent) -> Result<RequestId, tungstenite::Error> {
        self.requests += 1;
        let id = RequestId::from(self.requests);
        let text = codec::encode_client(&ClientFrame { id: Some(id), event });
        self.socket.send(tungstenite::Message::text(text)).await?;
        Ok(id)
    }

    /// Sends a request and does not wait for its answer.
    pub async fn request(&mut self, event: ClientEvent) -> RequestId {
        self.requests += 1;
        let id = RequestId::from(self.requests);
        self.send_text(&codec::encode_client(&ClientFrame { id: Some(id), event }))
            .await;
        id
    }

    /// Sends any text.
    pub async fn send_text(&mut self, text: &str) {
        self.send_raw(tungstenite::Message::text(text)).await;
    }

    /// Sends anything.
    pub async fn send_raw(&mut self, message: tungstenite::Message) {
        self.try_send_raw(message)
            .await
            .unwrap_or_else(|error| panic!("{} cannot send: {error}", self.user));
    }

    /// Sends anything, to a server that may have closed by now.
    pub async fn try_send_raw(&mut self, message: tungstenite::Message) -> Result<(), tungstenite::Error> {
        tokio::time::timeout(PATIENCE, self.socket.send(message))
            .await
            .expect("the server reads")
    }

    /// The answer to a request.
    pub async fn answer(&mut self, id: RequestId) -> Result<ServerEvent, ErrorReply> {
        let what = format!("the answer to request {id}");
        match self.hear(&what, |frame| frame.id == Some(id)).await.frame.event {
            ServerEvent::Error(reply) => Err(reply),
            event => Ok(event),
        }
    }

    /// Sends a request and waits for its answer.
    pub async fn ask(&mut self, event: ClientEvent) -> Result<ServerEvent, ErrorReply> {
        let id = self.request(event).await;
        self.answer(id).await
    }

    /// The first frame that `wanted` holds for, of those heard and not asked for yet, and those to come.
    pub async fn hear(&mut self, what: &str, wanted: impl Fn(&ServerFrame) -> bool) -> Heard {
        let mut at = 0;
        loop {
            while at < self.inbox.len() {
                if wanted(&self.inbox[at].frame) {
                    return self.inbox.remove(at).expect("it stands there");
                }
                at += 1;
            }
            match self.come(what).await {
                Ok(heard) => self.inbox.push_back(heard),
                Err((code, reason)) => {
                    panic!("{} waited for {what} and was closed: {code} {reason:?}", self.user)
                }
            }
        }
    }

    /// The next frame, whatever it is.
    pub async fn next(&mut self) -> ServerFrame {
        self.hear("any frame", |_| true).await.frame
    }

    /// The next `message` event.
    pub async fn next_message(&mut self) -> Message {
        let heard = self
            .hear("a message", |frame| matches!(frame.event, ServerEvent::Message(_)))
            .await;
        let ServerEvent::Message(message) = heard.frame.event else {
            unreachable!()
        };
        assert_eq!(
            heard.frame.seq,
            Some(message.seq),
            "a post's event stands at the message's own place"
        );
        message
    }

    /// Everything told to this connection up to now and not asked for. A round trip makes sure that it is here: what a
    /// connection is told comes in the order it was told.
    pub async fn drain(&mut self) -> Vec<ServerFrame> {
        self.requests += 1;
        let id = RequestId::from(self.requests);
        self.send_text(&format!(r#"{{"event":"areYouThere","id":{id},"data":{{}}}}"#))
            .await;
        let reply = self.answer(id).await.expect_err("there is no such event");
        assert_eq!(reply.code, ErrorCode::UnknownEvent);
        self.inbox.drain(..).map(|heard| heard.frame).collect()
    }

    /// What was heard and not asked for yet.
    pub fn heard(&self) -> impl Iterator<Item = &ServerFrame> {
        self.inbox.iter().map(|heard| &heard.frame)
    }

    /// Waits until the server closes: the code and the reason; 1006 where the socket ended without a close.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.come("the close").await {
                Ok(heard) => self.inbox.push_back(heard),
                Err(closed) => return closed,
            }
        }
    }

    /// The socket itself: what is read from it here is not answered, pings included.
    pub fn raw(&mut self) -> &mut TcpStream {
        self.socket.get_mut()
    }

    /// Waits until the server asks for a sign of life, which is answered with the next thing read or sent.
    pub async fn pinged(&mut self) {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("the server pings");
            match next.expect("the socket is open").expect("the socket is open") {
                tungstenite::Message::Ping(_) => return,
                tungstenite::Message::Close(close) => panic!("closed instead of pinged: {close:?}"),
                _ => {}
            }
        }
    }

    async fn come(&mut self, what: &str) -> Result<Heard, Closed> {
        let next = tokio::time::timeout(PATIENCE, self.listen()).await;
        next.unwrap_or_else(|_| {
            let heard: Vec<_> = self.inbox.iter().map(|heard| &heard.text).collect();
            panic!(
                "{} waited {PATIENCE:?} for {what}; heard and not asked for: {heard:#?}",
                self.user
            )
        })
    }

    /// The next frame, however long it takes; nothing is lost when this is not waited for to the end. Pings are
    /// answered meanwhile.
    pub async fn listen(&mut self) -> Result<Heard, Closed> {
        let text = self.listen_text().await?;
        let frame = codec::decode_server(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        Ok(Heard { frame, text })
    }

    /// The same as it came, for who has no time to read it.
    pub async fn listen_text(&mut self) -> Result<String, Closed> {
        loop {
            return match self.socket.next().await {
                Some(Ok(tungstenite::Message::Text(text))) => Ok(text.to_string()),
                Some(Ok(tungstenite::Message::Close(Some(close)))) => {
                    Err((close.code.into(), close.reason.to_string()))
                }
                Some(Ok(tungstenite::Message::Close(None))) => Err((1005, String::new())),
                Some(Ok(_)) => continue,
                Some(Err(error)) => Err((1006, error.to_string())),
                None => Err((1006, "the socket ended".into())),
            };
        }
    }
}

async fn shake_hands(
    socket: TcpSocket,
    address: SocketAddr,
    request: Request<()>,
) -> Result<(WebSocketStream<TcpStream>, Response), tungstenite::Error> {
    let socket = socket.connect(address).await?;
    socket.set_nodelay(true)?;
    tokio_tungstenite::client_async(request, socket).await
}
