//! Unary messages that arrive in other ways than all at once, and those that are wrong.

use bytes::Bytes;
use http::HeaderMap;

use crate::{
    client::Bench,
    heads::{call, framed, head, message, trailers},
};

#[tokio::test]
async fn a_message_may_come_in_any_number_of_pieces() {
    let bench = Bench::new().await;
    let whole = framed("hello");
    for cut in 0..=whole.len() {
        let (response, mut request) = call(bench.proxy.address(), "One").await;
        request.send_data(whole.slice(..cut), false).unwrap();
        // What is sent now is read by itself, because the head has been answered by nothing yet.
        tokio::task::yield_now().await;
        request.send_data(whole.slice(cut..), false).unwrap();
        request.send_data(Bytes::new(), true).unwrap();
        let mut answers = head(response).await.into_body();
        assert_eq!(message(&mut answers).await, "hello", "cut at {cut}");
        assert_eq!(trailers(&mut answers).await["grpc-status"], "0");
    }
}

#[tokio::test]
async fn a_message_may_be_larger_than_a_frame_and_end_with_trailers() {
    let bench = Bench::new().await;
    let long = "x".repeat(100_000);
    for text in ["hello", &long] {
        let (response, mut request) = call(bench.proxy.address(), "One").await;
        request.send_data(framed(text), false).unwrap();
        request.send_trailers(HeaderMap::new()).unwrap();
        let mut answers = head(response).await.into_body();
        assert_eq!(message(&mut answers).await, text);
        assert_eq!(trailers(&mut answers).await["grpc-status"], "0");
    }
}

#[tokio::test]
async fn what_is_no_single_message_is_refused_however_it_is_cut() {
    let bench = Bench::with_flags(&["--max-message-size=1000"]).await;
    let hello = framed("hello");
    let two = [&hello[..], &hello].concat();
    let compressed = [&[1], &hello[1..]].concat();
    let unknown = [&[7], &hello[1..]].concat();
    for (body, code) in [
        (Vec::new(), "3"),
        (two, "3"),
        (hello[..hello.len() - 1].to_vec(), "13"),
        (hello[..3].to_vec(), "13"),
        (compressed, "13"),
        (unknown, "13"),
        (framed(&"x".repeat(1000)).to_vec(), "8"),
        (vec![0, 0, 0, 0, 2, 0x0a, 5], "3"),
    ] {
        for cut in [0, 3, body.len() / 2, body.len()] {
            let cut = cut.min(body.len());
            let (response, mut request) = call(bench.proxy.address(), "One").await;
            let body = Bytes::from(body.clone());
            request.send_data(body.slice(..cut), false).unwrap();
            request.send_data(body.slice(cut..), true).unwrap();
            let response = head(response).await;
            assert_eq!(
                response.headers()["grpc-status"],
                code,
                "{body:?} cut at {cut}: {:?}",
                response.headers()
            );
        }
    }
}
