//! The files of `--static-dir`: what is for everybody, and what is not.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs::{create_dir, create_dir_all, write};
use std::os::unix::fs::symlink;

use e2e::{Server, Store};

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
