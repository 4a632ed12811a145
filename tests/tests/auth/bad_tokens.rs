//! The tokens that are refused, out of the table that the tests of Socket.IO read as well: what `bad-tokens.json` says of each.

use e2e::token::{SECRET, Signer, claims, in_seconds};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// One of them: a token of ann's for an hour, but for what stands there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BadToken {
    pub(crate) what: String,
    /// A part of what its bearer is told.
    pub(crate) says: String,
    /// The close code.
    #[serde(default = "unauthorized")]
    pub(crate) close: u16,
    /// `--auth-audience` of the server that is asked.
    pub(crate) audience: Option<String>,
    /// The token itself.
    token: Option<String>,
    header: Option<Value>,
    /// In place of the claims.
    payload: Option<Value>,
    #[serde(default)]
    claims: Map<String, Value>,
    /// Claims that are seconds from now.
    #[serde(default, rename = "in")]
    from_now: Map<String, Value>,
    without: Option<String>,
    /// The text among `claims` stands so many times.
    repeat: Option<usize>,
    key: Option<String>,
    #[serde(default)]
    unsigned: bool,
    /// Its signature is that of a token with these claims.
    signature_of: Option<Map<String, Value>>,
    /// So many letters behind it.
    #[serde(default)]
    append: usize,
}

fn unauthorized() -> u16 {
    4101
}

/// All of them.
pub(crate) fn all() -> Vec<BadToken> {
    serde_json::from_str(include_str!("bad-tokens.json")).expect("the table is one")
}

impl BadToken {
    /// The token.
    pub(crate) fn mint(&self) -> String {
        if let Some(token) = &self.token {
            return token.clone();
        }
        let signer = Signer::secret(self.key.as_deref().unwrap_or(SECRET));
        let header = self.header.clone().unwrap_or(json!({ "alg": "HS256", "typ": "JWT" }));
        let whole = signer.sign_with(&header, &self.payload.clone().unwrap_or_else(|| self.claims()));
        let (message, signature) = whole.rsplit_once('.').expect("a token has three parts");
        let other = self
            .signature_of
            .clone()
            .map(|others| signer.sign_with(&header, &claims("ann", others.into())));
        let signature = match &other {
            _ if self.unsigned => "",
            Some(other) => other.rsplit_once('.').expect("a token has three parts").1,
            None => signature,
        };
        format!("{message}.{signature}{}", "A".repeat(self.append))
    }

    fn claims(&self) -> Value {
        let mut claims = claims("ann", self.claims.clone().into());
        let all = claims.as_object_mut().expect("claims are an object");
        for (name, value) in &self.claims {
            if let (Some(times), Some(text)) = (self.repeat, value.as_str()) {
                all.insert(name.clone(), text.repeat(times).into());
            }
        }
        for (name, seconds) in &self.from_now {
            all.insert(name.clone(), in_seconds(seconds.as_i64().expect("seconds")).into());
        }
        if let Some(name) = &self.without {
            all.remove(name);
        }
        claims
    }
}
