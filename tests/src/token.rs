//! Tokens as a service signs them, by code of their own: nothing here is the server's.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use ring::{hmac, signature};
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::{Server, Store};
use readrealm_protocol::ServerEvent;
use readrealm_protocol::client::{Authenticate, ClientEvent};
use readrealm_protocol::server::{Authenticated, ErrorReply};

/// The secret of the servers that [`Server::start_with_secret`] starts.
pub const SECRET: &str = "the secret of the tests: 32 bytes or more";

/// What an SPKI of a P-256 key begins with; its 65 bytes follow.
const SPKI_P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE,
    0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// What an SPKI of an Ed25519 key begins with; its 32 bytes follow.
const SPKI_ED25519: &[u8] = &[0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Whoever signs tokens.
#[derive(Debug)]
pub enum Signer {
    /// HS256.
    Secret(Vec<u8>),
    /// RS256.
    Rsa(RsaKeyPair),
    /// ES256.
    P256(EcdsaKeyPair),
    /// `EdDSA`.
    Ed25519(Ed25519KeyPair),
    /// `alg: none`.
    Nobody,
}

/// A key, as the files of its private and public half.
#[derive(Debug)]
pub struct PemKey {
    /// Who signs with it.
    pub signer: Signer,
    /// What signs, PKCS#8.
    pub private: String,
    /// What verifies, SPKI.
    pub public: String,
}

impl Signer {
    /// With a shared secret.
    pub fn secret(secret: &str) -> Self {
        Self::Secret(secret.into())
    }

    /// With an RSA key, out of its PKCS#8 file.
    pub fn rsa(private: &str) -> Self {
        let base64: String = private.lines().filter(|line| !line.starts_with('-')).collect();
        let der = BASE64_STANDARD.decode(base64).expect("a PEM file");
        Self::Rsa(RsaKeyPair::from_pkcs8(&der).expect("an RSA key"))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Secret(_) => "HS256",
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
            Self::Nobody => "none",
        }
    }

    /// A token of these claims, whatever they are.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({ "alg": self.algorithm(), "typ": "JWT" }), claims)
    }

    /// A token of that header and these claims, signed whatever the header says.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.signature(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Secret(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::sign(&key, message).as_ref().to_vec()
            }
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .expect("RSA signs");
                signature
            }
            Self::P256(key) => bytes(key.sign(&random, message).expect("P-256 signs")),
            Self::Ed25519(key) => bytes(key.sign(message)),
            Self::Nobody => Vec::new(),
        }
    }
}

fn bytes(signature: signature::Signature) -> Vec<u8> {
    signature.as_ref().to_vec()
}

impl PemKey {
    /// A new P-256 key.
    pub fn p256() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let private = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(algorithm, private.as_ref(), &random).expect("a key");
        let public = [SPKI_P256, key.public_key().as_ref()].concat();
        Self {
            signer: Signer::P256(key),
            private: pem("PRIVATE KEY", private.as_ref()),
            public: pem("PUBLIC KEY", &public),
        }
    }

    /// A new Ed25519 key.
    pub fn ed25519() -> Self {
        let private = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let key = Ed25519KeyPair::from_pkcs8(private.as_ref()).expect("a key");
        let public = [SPKI_ED25519, key.public_key().as_ref()].concat();
        Self {
            signer: Signer::Ed25519(key),
            private: pem("PRIVATE KEY", private.as_ref()),
            public: pem("PUBLIC KEY", &public),
        }
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let base64 = BASE64_STANDARD.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Seconds since 1970, so many from now.
pub fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(now.as_secs()).expect("it is not that late") + seconds
}

/// The claims of a user for an hour, and others.
pub fn claims(sub: &str, others: Value) -> Value {
    let mut claims = Map::from_iter([("sub".into(), sub.into()), ("exp".into(), in_seconds(3_600).into())]);
    if let Value::Object(others) = others {
        claims.extend(others);
    }
    claims.into()
}

/// A user's token with further claims, by the tests' secret.
pub fn token(sub: &str, others: Value) -> String {
    Signer::secret(SECRET).sign(&claims(sub, others))
}

impl Server {
    /// Starts a server that asks for tokens by the tests' secret.
    pub async fn start_with_secret(store: &Store, arguments: &[&str]) -> Self {
        Self::start_with(store, &[&["--auth-secret", SECRET], arguments].concat()).await
    }
}

impl Client {
    /// Connects and authenticates as `user`, with further claims.
    pub async fn known(server: &Server, user: &str, others: Value) -> Self {
        let mut client = Self::connect(server, user).await;
        client
            .authenticate(&token(user, others))
            .await
            .expect("the token is taken");
        client
    }

    /// Shows a token.
    pub async fn authenticate(&mut self, token: &str) -> Result<Authenticated, ErrorReply> {
        let token = token.to_owned();
        match self.ask(ClientEvent::Authenticate(Authenticate { token })).await? {
            ServerEvent::Authenticated(authenticated) => Ok(authenticated),
            other => panic!("authenticate was answered with {other:?}"),
        }
    }
}
