//! What is carried arrives as it came.

use super::*;

#[test]
fn a_call_arrives_as_it_came() {
    let request = Request::post("http://node:1/a.B/C?x=%20y")
        .header("authorization", "AWS4-HMAC-SHA256 …")
        .header("x-twice", "a")
        .header("x-twice", "b")
        .body(())
        .unwrap();
    let (parts, ()) = request.into_parts();
    let source = "192.0.2.7".parse().ok();
    let call = kept(Door::Grpc, &parts, Bytes::from_static(b"\0body"), source);
    let (read, body, from) = unpacked(call).unwrap();
    assert_eq!((read.method, read.uri, read.headers), (parts.method, parts.uri, parts.headers));
    assert_eq!((&body[..], from), (&b"\0body"[..], source));
}

#[test]
fn what_is_no_call_is_refused() {
    for call in [
        CarriedCall { method: "PO ST".to_owned(), uri: "/".to_owned(), ..CarriedCall::default() },
        CarriedCall { method: "POST".to_owned(), uri: "a b".to_owned(), ..CarriedCall::default() },
        CarriedCall {
            method: "POST".to_owned(),
            uri: "/".to_owned(),
            headers: vec![Header { name: "a\nb".to_owned(), value: Bytes::new() }],
            ..CarriedCall::default()
        },
    ] {
        assert_eq!(unpacked(call).unwrap_err().code(), tonic::Code::InvalidArgument);
    }
}

#[tokio::test]
async fn an_answer_comes_back_with_its_trailers() {
    let answer = CarryResponse {
        status: 200,
        headers: vec![Header { name: "a".to_owned(), value: Bytes::from_static(b"1") }],
        body: Bytes::from_static(b"\0\0\0\0\0"),
        trailers: vec![Header { name: "grpc-status".to_owned(), value: Bytes::from_static(b"0") }],
    };
    let response = answered(answer.clone()).unwrap();
    assert!(packed(response).await.unwrap() == answer);
    let wrong = CarryResponse { status: 70_000, ..answer };
    assert_eq!(answered(wrong).unwrap_err().reason, Reason::Internal);
}

#[tokio::test]
async fn only_within_a_door_is_a_call_carried() {
    assert!(!want(GroupId(1)), "there is no door");
    assert_eq!(noting(async {}).await.1, None);
    let ((), to) = noting(async {
        is_repeatable();
        settle();
        assert!(want(GroupId(3)));
    })
    .await;
    assert_eq!(to, Some(Destination { group: GroupId(3), repeatable: true, settled: true }));
}
