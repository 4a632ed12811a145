//! One client: the protocol's own types over a plain WebSocket.

use std::collections::VecDeque;

use futures_util::{SinkExt, StreamExt};
use readrealm_protocol::client::{
    ClientEvent, DeleteMessage, EditMessage, JoinRoom, LeaveRoom, LoadPrevious, PageLimit, PostMessage, SetTyping,
};
use readrealm_protocol::ids::RequestId;
use readrealm_protocol::server::{Ack, Appended, ErrorReply, MessagesPage, PreviousMessages, ServerFrame};
use readrealm_protocol::{ClientFrame, ErrorCode, Message, MessageId, ServerEvent, codec};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest, handshake::client::Response, http::Request};

use crate::{PATIENCE, Server};

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

/// What the next thing on a socket was.
enum Came {
    Frame(Heard),
    /// The code and the reason; 1006 where the socket ended without.
    Closed(u16, String),
}

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
        let handshake = shake_hands(socket, server, request);
        match tokio::time::timeout(PATIENCE, handshake)
            .await
            .expect("the server answers the handshake")
        {
            Ok((socket, response)) => Ok((
                Self {
                    user: user.to_owned(),
                    socket,
                    inbox: VecDeque::new(),
                    requests: 0,
                },
                response,
            )),
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("the handshake failed: {error}"),
        }
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
                Came::Frame(heard) => self.inbox.push_back(heard),
                Came::Closed(code, reason) => {
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
                Came::Frame(heard) => self.inbox.push_back(heard),
                Came::Closed(code, reason) => return (code, reason),
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

    async fn come(&mut self, what: &str) -> Came {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            let next = next.unwrap_or_else(|_| {
                let heard: Vec<_> = self.inbox.iter().map(|heard| &heard.text).collect();
                panic!(
                    "{} waited {PATIENCE:?} for {what}; heard and not asked for: {heard:#?}",
                    self.user
                )
            });
            return match next {
                Some(Ok(tungstenite::Message::Text(text))) => {
                    let frame = codec::decode_server(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
                    Came::Frame(Heard {
                        frame,
                        text: text.to_string(),
                    })
                }
                Some(Ok(tungstenite::Message::Close(Some(close)))) => {
                    Came::Closed(close.code.into(), close.reason.to_string())
                }
                Some(Ok(tungstenite::Message::Close(None))) => Came::Closed(1005, String::new()),
                Some(Ok(_)) => continue,
                Some(Err(error)) => Came::Closed(1006, error.to_string()),
                None => Came::Closed(1006, "the socket ended".into()),
            };
        }
    }
}

/// What users do.
impl Client {
    /// Enters a room.
    pub async fn join(&mut self, book: u32) -> PreviousMessages<Message> {
        let event = self.joining(book);
        match self.ask(event).await {
            Ok(ServerEvent::PreviousMessages(state)) => state,
            other => panic!("joinRoom was answered with {other:?}"),
        }
    }

    /// The request to enter a room.
    pub fn joining(&self, book: u32) -> ClientEvent {
        let user = &*self.user;
        // A name as long as a user id may be is no username.
        let username = (user.chars().count() <= 64).then(|| valid(user));
        let (user_id, book_id) = (Some(valid(user)), book.into());
        ClientEvent::JoinRoom(JoinRoom {
            book_id,
            user_id,
            username,
            after: None,
            epoch: None,
        })
    }

    /// Leaves a room.
    pub async fn leave(&mut self, book: u32) {
        let answer = self
            .ask(ClientEvent::LeaveRoom(LeaveRoom { book_id: book.into() }))
            .await;
        assert_eq!(answer, Ok(ServerEvent::Ack(Ack::Done {})));
    }

    /// Posts, and waits until it is durable.
    pub async fn post(&mut self, book: u32, content: &str) -> Appended {
        self.try_post(book, content, None).await.expect("the post is taken")
    }

    /// Posts under a key, or without; the answer may be an error.
    pub async fn try_post(&mut self, book: u32, content: &str, key: Option<&str>) -> Result<Appended, ErrorReply> {
        self.ask(posting(book, content, key)).await.map(appended)
    }

    /// Gives a message new words.
    pub async fn edit(&mut self, book: u32, message_id: MessageId, content: &str) -> Result<Appended, ErrorReply> {
        let (book_id, content) = (book.into(), valid(content));
        self.ask(ClientEvent::EditMessage(EditMessage {
            book_id,
            message_id,
            content,
            client_message_id: None,
        }))
        .await
        .map(appended)
    }

    /// Withdraws a message.
    pub async fn delete(&mut self, book: u32, message_id: MessageId) -> Result<Appended, ErrorReply> {
        let book_id = book.into();
        self.ask(ClientEvent::DeleteMessage(DeleteMessage {
            book_id,
            message_id,
            client_message_id: None,
        }))
        .await
        .map(appended)
    }

    /// Older messages.
    pub async fn load_previous(&mut self, book: u32, before: u32, limit: Option<u64>) -> MessagesPage<Message> {
        let limit = limit.map_or_else(PageLimit::default, valid);
        match self
            .ask(ClientEvent::LoadPrevious(LoadPrevious {
                book_id: book.into(),
                before: before.into(),
                limit,
            }))
            .await
        {
            Ok(ServerEvent::MessagesPage(page)) => page,
            other => panic!("loadPrevious was answered with {other:?}"),
        }
    }

    /// Says that the user is writing, or has stopped. There is no answer.
    pub async fn set_typing(&mut self, book: u32, typing: bool) {
        self.request(ClientEvent::Typing(SetTyping {
            book_id: book.into(),
            typing,
        }))
        .await;
    }
}

/// The request to post.
pub fn posting(book: u32, content: &str, key: Option<&str>) -> ClientEvent {
    let client_message_id = key.map(valid);
    ClientEvent::Message(PostMessage {
        book_id: book.into(),
        content: valid(content),
        client_message_id,
    })
}

/// The ack of a post, an edit or a delete.
pub fn appended(event: ServerEvent) -> Appended {
    match event {
        ServerEvent::Ack(Ack::Appended(appended)) => appended,
        other => panic!("answered with {other:?}"),
    }
}

async fn shake_hands(
    socket: TcpSocket,
    server: &Server,
    request: Request<()>,
) -> Result<(WebSocketStream<TcpStream>, Response), tungstenite::Error> {
    let socket = socket.connect(server.address()).await?;
    socket.set_nodelay(true)?;
    tokio_tungstenite::client_async(request, socket).await
}
