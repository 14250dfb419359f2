//! What goes wrong, and what goes on nevertheless.

use tonic::Code;

use super::*;

#[tokio::test]
async fn an_unknown_service_is_an_answer_in_all_shapes() {
    both_ways(async |caller| {
        let nowhere = || ActionCommand {
            service_name: "desk.Nowhere".into(),
            name: "Ask".into(),
            ..ActionCommand::default()
        };
        let expected = refused("Unknown service: desk.Nowhere");
        assert_eq!(caller.one(nowhere()).await.unwrap(), expected);
        let commands = stream::iter([nowhere(), note("x")]);
        assert_eq!(caller.streamed_in(commands).await.unwrap(), expected);
        let responses = caller.streamed_out(nowhere()).await;
        let responses: Vec<_> = responses.try_collect().await.unwrap();
        assert_eq!(responses, std::slice::from_ref(&expected));
        let responses = caller.streamed(stream::iter([nowhere(), note("x")])).await;
        let responses: Vec<_> = responses.try_collect().await.unwrap();
        assert_eq!(responses, [expected]);
    })
    .await;
}

#[tokio::test]
async fn an_unknown_rpc_is_an_error_in_all_shapes() {
    both_ways(async |caller| {
        let unknown = || ActionCommand {
            name: "Sing".into(),
            ..first(pb::Desk::Ask)
        };
        let check = |result: Result<ActionResponse, Status>| {
            let status = result.unwrap_err();
            assert_eq!(status.code(), Code::Unimplemented);
            let text = "No call handler found for call [Sing] on it::actions::Desk";
            assert_eq!(status.message(), text);
        };
        check(caller.one(unknown()).await);
        check(caller.streamed_in(stream::iter([unknown()])).await);
        check(caller.streamed_out(unknown()).await.next().await.unwrap());
        let mut responses = caller.streamed(stream::iter([unknown()])).await;
        check(responses.next().await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_call_of_another_shape_than_its_rpc_is_an_error() {
    both_ways(async |caller| {
        let status = caller.one(first(pb::Desk::Chat)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let text = "Call [Chat] came as unary, and its rpc is streaming both ways";
        assert_eq!(status.message(), text);
        let status = caller.streamed_out(command(pb::Desk::Ask, "x")).await;
        let status = status.try_collect::<Vec<_>>().await.unwrap_err();
        let text = "Call [Ask] came as server-streaming, and its rpc is unary";
        assert_eq!(status.message(), text);
    })
    .await;
}

#[tokio::test]
async fn a_stream_without_a_first_message_is_refused() {
    both_ways(async |caller| {
        let expected = refused(
            "Cloudstate protocol failure: expected command message with service name and command name, but got empty \
             stream",
        );
        let answer = caller.streamed_in(stream::empty()).await.unwrap();
        assert_eq!(answer, expected);
        let responses = caller.streamed(stream::empty()).await;
        let responses: Vec<_> = responses.try_collect().await.unwrap();
        assert_eq!(responses, [expected]);
    })
    .await;
}

#[tokio::test]
async fn the_first_message_of_a_stream_is_not_for_the_handler() {
    both_ways(async |caller| {
        let commands = [command(pb::Desk::Collect, "stop"), note("x")];
        let answer = caller.streamed_in(stream::iter(commands)).await.unwrap();
        assert_eq!(answer, counted(1));
    })
    .await;
}

#[tokio::test]
async fn a_garbled_message_ends_its_call_with_a_failure() {
    both_ways(async |caller| {
        let text = |answer: &ActionResponse| match &answer.response {
            Some(Response::Failure(failure)) => failure.description.clone(),
            other => panic!("no failure: {other:?}"),
        };
        let ask = ActionCommand {
            payload: garbled(),
            ..first(pb::Desk::Ask)
        };
        let answer = caller.one(ask).await.unwrap();
        let expected = "The payload of command [Ask] is not its request message: ";
        assert!(text(&answer).starts_with(expected), "{}", text(&answer));

        let later = || ActionCommand {
            payload: garbled(),
            ..ActionCommand::default()
        };
        let commands = [first(pb::Desk::Collect), note("x"), later(), note("x")];
        let answer = caller.streamed_in(stream::iter(commands)).await.unwrap();
        let expected = "The payload of command [Collect] is not its request message: ";
        assert!(text(&answer).starts_with(expected), "{}", text(&answer));

        let before = kept(&caller);
        let mut chat = caller.chat().await;
        chat.exchange("say one", said("one")).await;
        chat.notes.as_ref().unwrap().send(later()).unwrap();
        let answer = chat.next().await.unwrap().unwrap();
        let expected = "The payload of command [Chat] is not its request message: ";
        assert!(text(&answer).starts_with(expected), "{}", text(&answer));
        assert!(chat.next().await.is_none());
        // Its handler is gone.
        assert_eq!(kept(&caller), before);
    })
    .await;
}

#[tokio::test]
async fn a_panic_ends_its_own_call_and_no_other() {
    both_ways(async |caller| {
        let check = |result: Result<ActionResponse, Status>| {
            let status = result.unwrap_err();
            assert_eq!(status.code(), Code::Internal);
            assert_eq!(status.message(), "Unexpected failure: boom");
        };
        let mut bystander = caller.chat().await;
        bystander.exchange("say one", said("one")).await;

        check(caller.one(command(pb::Desk::Ask, "panic boom")).await);
        let text = "say one\npanic boom\nsay two";
        let mut responses = caller.streamed_out(command(pb::Desk::Recite, text)).await;
        assert_eq!(responses.next().await.unwrap().unwrap(), said("one"));
        check(responses.next().await.unwrap());
        assert!(responses.next().await.is_none());
        let mut chat = caller.chat().await;
        chat.exchange("say one", said("one")).await;
        chat.send("panic boom");
        check(chat.next().await.unwrap());

        bystander.exchange("say two", said("two")).await;
        bystander.end().await;
        let answer = caller.one(command(pb::Desk::Ask, "say one")).await;
        assert_eq!(answer.unwrap(), said("one"));
    })
    .await;
}

#[tokio::test]
async fn a_panic_while_a_handler_is_dropped_stays_there() {
    #[action(extern_service = pb::Desk, register = false)]
    struct Trap;
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    #[handlers(partial)]
    impl Trap {
        #[call_handler]
        async fn ask(&self) -> pb::Note {
            let _bomb = Bomb;
            std::future::pending().await
        }
    }
    let user_function = Cloudstate::new()
        .register_action(Trap)
        .into_user_function()
        .unwrap();
    let mut call = Box::pin(user_function.action(command(pb::Desk::Ask, "x")));
    assert!(futures_util::poll!(&mut call).is_pending());
    drop(call);
}

#[tokio::test]
async fn a_message_beyond_the_limit_ends_its_call_with_a_status() {
    let caller = Caller::over_network().await;
    let mut chat = caller.chat().await;
    chat.send(&"x".repeat(17 << 20));
    let status = chat.next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    let answer = caller.one(command(pb::Desk::Ask, "say one")).await;
    assert_eq!(answer.unwrap(), said("one"));
}
