//! The files of `--static-dir`: what is for everybody, and what is not.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs::{create_dir, create_dir_all, write};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;

use e2e::{Server, Store, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn no_hidden_file_is_served_and_no_link_leads_out() {
    let outside = tempfile::tempdir().unwrap();
    write(outside.path().join("secret"), "canary").unwrap();
    create_dir(outside.path().join("releases")).unwrap();
    let page = outside.path().join("releases/1");
    create_dir_all(page.join("assets")).unwrap();
    create_dir_all(page.join(".git")).unwrap();
    create_dir_all(page.join("..data")).unwrap();
    for (file, words) in [
        ("index.html", "the page"),
        ("assets/a.js", "of the page"),
        (".env", "canary"),
        (".git/config", "canary"),
        ("assets/.map", "canary"),
        ("..data/mounted.js", "of the page"),
    ] {
        write(page.join(file), words).unwrap();
    }
    // As Kubernetes mounts the files of a ConfigMap.
    symlink("..data/mounted.js", page.join("mounted.js")).unwrap();
    symlink("../../secret", page.join("out.txt")).unwrap();
    symlink(outside.path(), page.join("assets/out")).unwrap();
    // The folder itself may be a link, which is moved to a newer page.
    let current = outside.path().join("current");
    symlink(&page, &current).unwrap();

    let folder = current.to_str().unwrap();
    let server = Server::start_with(&Store::memory(), &["--static-dir", folder]).await;
    for (path, words) in [
        ("/", "the page"),
        ("/index.html", "the page"),
        ("/assets/a.js", "of the page"),
        ("/mounted.js", "of the page"),
    ] {
        assert_eq!(server.get(path).await, (200, words.to_owned()), "{path}");
    }
    for path in [
        "/.env",
        "/%2eenv",
        "/%2Eenv",
        "//.env",
        "/./.env",
        "/.git/config",
        "/.git/",
        "/assets/.map",
        "/assets/%2emap",
        "/..data/mounted.js",
        "/out.txt",
        "/assets/out/secret",
        "/assets/out/",
        "/../../secret",
        "/%2e%2e/%2e%2e/secret",
        "/nowhere",
    ] {
        assert_eq!(server.get(path).await, (404, "the page".to_owned()), "{path}");
    }
    // The page itself is no exception.
    std::fs::remove_file(page.join("index.html")).unwrap();
    symlink("../../secret", page.join("index.html")).unwrap();
    for path in ["/", "/index.html", "/nowhere"] {
        let (status, body) = server.get(path).await;
        assert!(status == 404 && !body.contains("canary"), "{path}: {body}");
    }
}

#[tokio::test]
async fn who_takes_gzip_gets_the_file_that_is_compressed_already() {
    let page = tempfile::tempdir().unwrap();
    create_dir(page.path().join("assets")).unwrap();
    for (file, words) in [
        ("index.html", "plain page"),
        ("index.html.gz", "gzip page"),
        ("assets/a.js", "plain script"),
        ("assets/a.js.gz", "gzip script"),
        ("bare.css", "plain style"),
        (".env", "canary"),
        (".env.gz", "canary"),
        ("out.js", "plain script"),
    ] {
        write(page.path().join(file), words).unwrap();
    }
    let outside = tempfile::NamedTempFile::new().unwrap();
    write(outside.path(), "canary").unwrap();
    symlink(outside.path(), page.path().join("out.js.gz")).unwrap();
    let server = Server::start_with(&Store::memory(), &["--static-dir", page.path().to_str().unwrap()]).await;
    let address = server.address();
    for (path, status, kept, packed, plain) in [
        ("/", 200, "no-cache", "gzip page", "plain page"),
        (
            "/assets/a.js",
            200,
            "public, max-age=31536000, immutable",
            "gzip script",
            "plain script",
        ),
        ("/nowhere", 404, "no-cache", "gzip page", "plain page"),
        ("/assets/none.js", 404, "no-cache", "gzip page", "plain page"),
        ("/bare.css", 200, "no-cache", "plain style", "plain style"),
        ("/.env", 404, "no-cache", "gzip page", "plain page"),
        ("/.env.gz", 404, "no-cache", "gzip page", "plain page"),
        ("/out.js", 200, "no-cache", "plain script", "plain script"),
        ("/out.js.gz", 404, "no-cache", "gzip page", "plain page"),
    ] {
        for (takes, words) in [("br, gzip", packed), ("gzip;q=0", plain), ("br", plain)] {
            let answer = ask_taking(address, path, takes).await;
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {head}");
            assert_eq!(body, words, "{path} {takes}");
            let head = head.to_lowercase();
            assert_eq!(
                head.contains("content-encoding: gzip"),
                words.starts_with("gzip"),
                "{head}"
            );
            let length = format!("content-length: {}\r\n", words.len());
            for header in [
                "vary: accept-encoding\r\n",
                "content-security-policy: ",
                &length,
                &format!("cache-control: {kept}"),
            ] {
                assert!(head.contains(header), "{header}: {path} {head}");
            }
            assert_eq!(head.matches("vary: ").count(), 1, "{head}");
        }
    }
    // What is compressed is still a script.
    let script = ask_taking(address, "/assets/a.js", "gzip").await;
    assert!(script.contains("content-type: text/javascript"), "{script}");
}

async fn ask_taking(address: SocketAddr, path: &str, takes: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {takes}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within("the answer", socket.read_to_string(&mut answer)).await.unwrap();
    answer
}
