//! Public keys: each kind accepts its own algorithm and no other; and the keys that are not taken.

use std::path::PathBuf;

use e2e::client::Client;
use e2e::command::{command, run_bare};
use e2e::token::{PemKey, SECRET, Signer, claims, in_seconds};
use e2e::{Server, Store};
use readrealm_protocol::ErrorCode;
use serde_json::json;
use tempfile::TempDir;

/// Keys of these tests, made for them and used for nothing else.
const RSA_PRIVATE: &str = include_str!("keys/rsa-for-tests-only.pem");
const RSA_PUBLIC: &str = include_str!("keys/rsa-for-tests-only.pub.pem");
const RSA_1024: &str = include_str!("keys/rsa-too-short.pub.pem");
const SECP256K1: &str = include_str!("keys/secp256k1.pub.pem");

/// The secret before, or after.
const OTHER: &str = "another secret of the tests: 32 bytes too";

fn rsa() -> PemKey {
    PemKey {
        signer: Signer::rsa(RSA_PRIVATE),
        private: RSA_PRIVATE.to_owned(),
        public: RSA_PUBLIC.to_owned(),
    }
}

/// A folder with a file of that text.
fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

async fn accepts(server: &Server, token: &str) -> bool {
    let mut client = Client::connect(server, "ann").await;
    match client.authenticate(token).await {
        Ok(known) => known.user_id.as_str() == "ann",
        Err(reply) => {
            assert_eq!((reply.code, client.closed().await.0), (ErrorCode::Unauthorized, 4101));
            false
        }
    }
}

#[tokio::test]
async fn each_kind_of_key_accepts_its_own_signatures_and_no_others() {
    for (kind, key, another) in [
        ("RS256", rsa(), PemKey::p256()),
        ("ES256", PemKey::p256(), PemKey::p256()),
        ("EdDSA", PemKey::ed25519(), PemKey::ed25519()),
    ] {
        let (_folder, path) = file(&key.public);
        let server = Server::start_with(&Store::memory(), &["--auth-public-key", path.to_str().unwrap()]).await;
        let claims = claims("ann", json!({}));
        assert!(accepts(&server, &key.signer.sign(&claims)).await, "{kind}");
        let confused = |alg: &str, signer: &Signer| signer.sign_with(&json!({ "alg": alg }), &claims);
        // The public key is public: used as a secret it must open nothing.
        let in_public = Signer::secret(&key.public);
        let trimmed = Signer::secret(key.public.trim());
        for (what, token) in [
            ("another key", another.signer.sign(&claims)),
            ("the public key as a secret", in_public.sign(&claims)),
            ("the same without its last line end", trimmed.sign(&claims)),
            ("the same under its own algorithm", confused(kind, &in_public)),
            ("a secret", Signer::secret(SECRET).sign(&claims)),
            ("none", Signer::Nobody.sign(&claims)),
            ("PS256", confused("PS256", &key.signer)),
            ("HS256", confused("HS256", &key.signer)),
        ] {
            assert!(!accepts(&server, &token).await, "{kind}: {what}");
        }
        let expired = key.signer.sign(&json!({ "sub": "ann", "exp": in_seconds(-10) }));
        let mut client = Client::connect(&server, "ann").await;
        client.authenticate(&expired).await.unwrap_err();
        assert_eq!(client.closed().await.0, 4009, "{kind}");
    }
}

#[tokio::test]
async fn while_a_key_is_changed_tokens_of_both_are_taken_and_after_it_those_of_one() {
    let key = PemKey::ed25519();
    let (_folder, path) = file(&key.public);
    let path = path.to_str().unwrap();
    let (old, new) = (Signer::secret(SECRET), Signer::secret(OTHER));
    let ann = claims("ann", json!({}));
    for (flags, by_old, by_new, by_key) in [
        // The nodes one after the other, then whoever signs, then the nodes again.
        (&["--auth-secret", SECRET][..], true, false, false),
        (
            &["--auth-secret", OTHER, "--auth-secret-previous", SECRET],
            true,
            true,
            false,
        ),
        (&["--auth-secret", OTHER], false, true, false),
        // From one kind to the other, and back.
        (
            &["--auth-public-key", path, "--auth-secret-previous", SECRET],
            true,
            false,
            true,
        ),
        (
            &["--auth-secret", OTHER, "--auth-public-key-previous", path],
            false,
            true,
            true,
        ),
    ] {
        let server = Server::start_with(&Store::memory(), flags).await;
        for (signer, taken) in [(&old, by_old), (&new, by_new), (&key.signer, by_key)] {
            assert_eq!(
                accepts(&server, &signer.sign(&ann)).await,
                taken,
                "{flags:?} {signer:?}"
            );
        }
        for token in [Signer::Nobody.sign(&ann), Signer::secret(&key.public).sign(&ann)] {
            assert!(!accepts(&server, &token).await, "{flags:?}");
        }
    }
    // What the one before has signed is judged as any other.
    let flags = ["--auth-secret", OTHER, "--auth-secret-previous", SECRET];
    let server = Server::start_with(&Store::memory(), &flags).await;
    for signer in [old, new] {
        let mut client = Client::connect(&server, "ann").await;
        let expired = signer.sign(&json!({ "sub": "ann", "exp": in_seconds(-10) }));
        client.authenticate(&expired).await.unwrap_err();
        assert_eq!(client.closed().await.0, 4009);
    }
}

#[tokio::test]
async fn the_command_signs_with_every_kind_of_key() {
    for (kind, key) in [
        ("RS256", rsa()),
        ("ES256", PemKey::p256()),
        ("EdDSA", PemKey::ed25519()),
    ] {
        let ((_private, private), (_public, public)) = (file(&key.private), file(&key.public));
        let minted = run_bare(&["token", "--sub", "ann", "--private-key", private.to_str().unwrap()]).await;
        let server = Server::start_with(&Store::memory(), &["--auth-public-key", public.to_str().unwrap()]).await;
        assert!(accepts(&server, minted.done().trim_end()).await, "{kind}");
    }
    let arguments = "--auth-secret SECRET token --sub ann --name Ann --rooms 1,2 --moderator --expires-in 90s";
    let arguments = arguments.replace("SECRET", &SECRET.replace(' ', "_"));
    let minted = run_bare(&arguments.split(' ').collect::<Vec<_>>()).await.done();
    let secret = SECRET.replace(' ', "_");
    let server = Server::start_with(&Store::memory(), &["--auth-secret", &secret]).await;
    let mut client = Client::connect(&server, "ann").await;
    let known = client.authenticate(minted.trim_end()).await.unwrap();
    let lives = known.expires_at.as_millis() / 1_000 - in_seconds(0);
    assert_eq!(
        (known.username.as_str(), (85..=90).contains(&lives)),
        ("Ann", true),
        "{lives}"
    );
    let joining = client.joining(3);
    assert_eq!(client.ask(joining).await.unwrap_err().code, ErrorCode::Forbidden);
    client.join(2).await;
}

#[tokio::test]
async fn a_key_that_cannot_be_trusted_is_refused_with_one_sentence() {
    let ed25519 = PemKey::ed25519();
    let folder = tempfile::tempdir().unwrap();
    let key = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (short_rsa, other_curve) = (key("rsa.pem", RSA_1024), key("ec.pem", SECP256K1));
    let (private, good) = (key("private.pem", &ed25519.private), key("good.pem", &ed25519.public));
    let garbage = key("garbage.pem", "no key at all");
    let two = key("two.pem", &(ed25519.public.clone() + RSA_PUBLIC));
    let missing = good.with_file_name("nothing.pem");
    let public = |path: &PathBuf| vec!["--auth-public-key".to_owned(), path.to_str().unwrap().to_owned()];
    let secret = |secret: &str| vec!["--auth-secret".to_owned(), secret.to_owned()];
    let previous = |secret: &str| vec!["--auth-secret-previous".to_owned(), secret.to_owned()];
    let admin = |secret: &str| {
        ["--auth-secret", SECRET, "--admin-secret", secret]
            .map(str::to_owned)
            .to_vec()
    };
    let cases = [
        (secret("hunter2-has-31-bytes-and-is-bad"), "32 or more"),
        (secret(""), "is set to nothing"),
        (
            secret(&"abcde".repeat(10)),
            "READREALM_AUTH_SECRET repeats the same few",
        ),
        (admin(&"x".repeat(64)), "READREALM_ADMIN_SECRET repeats the same few"),
        ([secret(SECRET), public(&good)].concat(), "set one of them"),
        (previous(SECRET), "a previous key is set and none that came after it"),
        (
            [secret(SECRET), previous("short")].concat(),
            "READREALM_AUTH_SECRET_PREVIOUS has 5 bytes",
        ),
        (
            [admin(OTHER), previous(OTHER)].concat(),
            "READREALM_ADMIN_SECRET is READREALM_AUTH_SECRET_PREVIOUS",
        ),
        (public(&short_rsa), "2048"),
        (public(&other_curve), "P-256"),
        (public(&private), "private key"),
        (public(&garbage), "no PEM file"),
        (public(&two), "must hold one key"),
        (public(&missing), "cannot be read"),
    ];
    for (arguments, why) in cases {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let refused = Server::try_start(&Store::memory(), &arguments).await.expect_err(why);
        let said = refused.stderr.trim_end();
        assert!(!refused.status.success(), "{why}");
        assert!(
            said.starts_with("readrealm-server: ") && said.lines().count() == 1,
            "{why}: {said}"
        );
        assert!(said.contains(why), "{why}: {said}");
        assert!(!said.contains("hunter2") && !said.contains(SECRET), "{said}");
    }
}

#[tokio::test]
async fn with_a_key_the_server_may_listen_anywhere() {
    let everywhere = ["--listen", "0.0.0.0:0"];
    Server::try_start(&Store::memory(), &everywhere)
        .await
        .expect_err("anybody could be anybody");
    let server = Server::start_with_secret(&Store::memory(), &everywhere).await;
    assert!(!server.process().stderr().contains("authentication is off"));
}

#[tokio::test]
async fn the_help_names_the_variable_and_not_what_is_in_it() {
    let mut help = command(&Store::memory(), &["--help"]);
    help.env("READREALM_AUTH_SECRET", "hunter2 and some more, 32 bytes and all");
    let help = tokio::task::spawn_blocking(move || help.output())
        .await
        .unwrap()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(
        help.contains("READREALM_AUTH_SECRET") && !help.contains("hunter2"),
        "{help}"
    );
}
