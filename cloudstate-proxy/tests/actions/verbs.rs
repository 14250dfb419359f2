//! HEAD and OPTIONS, which no rule has to be written for.

use h2::client;
use http::{Request, Version};
use tokio::{net::TcpStream, time::timeout};

use crate::client::{Bench, SOON};

#[tokio::test]
async fn head_is_get_without_its_body() {
    let bench = Bench::new().await;
    for (path, status) in [
        ("/read/hello", "200"),
        ("/read/fail%20boom", "500"),
        ("/out/a,b", "200"),
        ("/openapi.json", "200"),
        ("/nowhere", "404"),
    ] {
        let get = bench.http(&format!("GET {path} HTTP/1.1"), "").await;
        let head = bench.http(&format!("HEAD {path} HTTP/1.1"), "").await;
        assert!(get.starts_with(&format!("HTTP/1.1 {status}")), "{get}");
        let (head_of_get, body) = get.split_once("\r\n\r\n").unwrap();
        assert!(!body.is_empty(), "{get}");
        let (head, nothing) = head.split_once("\r\n\r\n").unwrap();
        assert_eq!(nothing, "", "{path}");
        // Those that describe a body on its way, or the moment.
        let passing = ["date: ", "transfer-encoding: "];
        let lasting = |head: &str| -> Vec<String> {
            let is_passing = |line: &&str| passing.iter().any(|name| line.starts_with(name));
            let lines = head.lines().filter(|line| !is_passing(line));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(lasting(head), lasting(head_of_get), "{path}");
    }
}

#[tokio::test]
async fn head_is_get_without_its_body_over_http_2() {
    let bench = Bench::new().await;
    let proxy = bench.proxy.address();
    let connection = TcpStream::connect(proxy).await.unwrap();
    let (mut client, connection) = client::handshake(connection).await.unwrap();
    tokio::spawn(connection);
    for (path, length) in [("/read/hello", Some("16")), ("/out/a,b", None)] {
        let request = Request::head(format!("http://{proxy}{path}"))
            .version(Version::HTTP_2)
            .body(())
            .unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        let response = timeout(SOON, response).await.unwrap().unwrap();
        assert_eq!(response.status(), 200);
        let headers = response.headers();
        assert_eq!(headers["content-type"], "application/json", "{path}");
        let said = headers.get("content-length");
        assert_eq!(said.map(|value| value.to_str().unwrap()), length, "{path}");
        let mut body = response.into_body();
        assert!(timeout(SOON, body.data()).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn options_says_what_a_path_accepts() {
    let bench = Bench::new().await;
    for (path, allow) in [
        ("/read/hello", "GET, HEAD, OPTIONS"),
        ("/test.shapes.Shapes/One", "POST, OPTIONS"),
    ] {
        let answer = bench.http(&format!("OPTIONS {path} HTTP/1.1"), "").await;
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
        let allow = format!("allow: {allow}\r\n");
        assert!(answer.contains(&allow), "{answer}");
        let answer = bench.http(&format!("DELETE {path} HTTP/1.1"), "").await;
        assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
        assert!(answer.contains(&allow), "{answer}");
    }
    let answer = bench.http("OPTIONS /nowhere HTTP/1.1", "").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}
