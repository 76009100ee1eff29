//! Downloads from a server on this machine's loopback address.
#![cfg(feature = "download")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use data::Error;
use data::download::{Published, fetch};

const CONTENT: &[u8] = b"a data set";
const SHA256: &str = "764b28f17d3e3f5f0d35c4961af96d11c5a092e919d5f9deea0cb6f097f2cb27";

/// Answers one request with `response` and closes.
fn serve(response: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/files/set.tar.gz", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        stream.write_all(response.as_bytes()).unwrap();
    });
    url
}

fn response(status: &str, length: usize, body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

fn published(url: String) -> Published {
    Published { url, bytes: CONTENT.len() as u64, sha256: SHA256.into() }
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().next().is_none()
}

#[test]
fn a_whole_file_is_kept_and_not_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = published(serve(response("200 OK", CONTENT.len(), CONTENT)));
    let path = fetch(&file, dir.path()).unwrap();
    assert_eq!(path, dir.path().join("set.tar.gz"));
    assert_eq!(fs::read(&path).unwrap(), CONTENT);
    assert_eq!(fetch(&file, dir.path()).unwrap(), path, "the server has gone by now");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn what_is_not_the_published_file_leaves_nothing() {
    for body in [&b"A data set"[..], b"a data set and more", b"a data", b""] {
        let dir = tempfile::tempdir().unwrap();
        let file = published(serve(response("200 OK", body.len(), body)));
        let error = fetch(&file, dir.path()).unwrap_err();
        assert!(matches!(error, Error::NotPublished { .. }), "{error}");
        assert!(is_empty(dir.path()));
    }
}

#[test]
fn a_broken_connection_and_a_refusal_leave_nothing() {
    let cut = response("200 OK", CONTENT.len(), &CONTENT[..4]);
    for answer in [cut, response("404 Not Found", 0, b""), String::new(), "nonsense\r\n\r\n".into()] {
        let dir = tempfile::tempdir().unwrap();
        let error = fetch(&published(serve(answer.clone())), dir.path()).unwrap_err();
        assert!(matches!(error, Error::Download { .. }), "{answer:?}: {error}");
        assert!(is_empty(dir.path()));
    }
}

#[test]
fn no_server_is_an_error_that_names_the_address() {
    let dir = tempfile::tempdir().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = fetch(&published(format!("http://{closed}/set.bin")), dir.path()).unwrap_err();
    assert!(error.to_string().contains(&closed.to_string()), "{error}");
    assert!(is_empty(dir.path()));
    let error = fetch(&published("http://localhost/".into()), dir.path()).unwrap_err();
    assert!(error.to_string().contains("file name"), "{error}");
}
