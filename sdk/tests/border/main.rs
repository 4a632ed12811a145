//! The border in a real browser: frames in as JavaScript has them, calls out, and nothing left behind. The sockets are
//! the page's own objects here; what is promised of delivery is tested against the real server.

#![cfg(target_arch = "wasm32")]

mod page;

use js_sys::{Function, JSON};
use readrealm_sdk::Core;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

use crate::page::{
    PREVIOUS, Page, core, joined, last_timer, message, messages, says, shown, timers_left, watch_timers,
};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn messages_are_the_pages_own_objects_newest_first() {
    let page = Page::new();
    let core = joined(&page);
    assert_eq!(shown(&core), "two sent, one sent");
    assert!(core.has_more(7.0));

    says(&core, &message(3, "three"));
    says(&core, &message(3, "three"));
    assert_eq!(
        page.take_calls(),
        r#"[["message",7,{"id":"7-3","seq":3,"bookId":7,"userId":"u2","content":"three","status":"sent"}]]"#
    );
    says(
        &core,
        r#"{"event":"messageEdited","seq":4,"data":{"id":"7-1","seq":1,"bookId":7,"userId":"u2","content":"1"}}"#,
    );
    says(
        &core,
        r#"{"event":"messageDeleted","seq":5,"data":{"bookId":7,"messageId":"7-2"}}"#,
    );
    assert!(page.take_calls().ends_with(r#"["deleted",7,"7-2"]]"#));
    assert_eq!(shown(&core), "three sent, 1 sent");
    assert!(
        js_sys::Object::is(&messages(&core).get(0), &messages(&core).get(0)),
        "not a copy"
    );
}

#[wasm_bindgen_test]
fn the_messages_handed_out_are_current_and_no_concern_of_the_next() {
    let page = Page::new();
    let core = Core::new(page.host(), Some("u1".into()), None, false, Some(40), false).unwrap_or_else(|_| panic!());
    core.connect();
    core.join(7.0, &JsValue::UNDEFINED);
    page.opened();
    says(&core, PREVIOUS);
    assert_eq!(shown(&core), "two sent, one sent");
    let mut contents = vec!["two sent".to_owned(), "one sent".to_owned()];
    for position in 3..100 {
        // Every third time nobody looks.
        says(&core, &message(position, &position.to_string()));
        contents.insert(0, format!("{position} sent"));
        contents.truncate(40);
        if position % 3 > 0 {
            assert_eq!(shown(&core), contents.join(", "));
        }
        // The page may do with it what it likes.
        messages(&core).reverse();
        messages(&core).set_length(1);
    }
    let says_of = |position: u32, event: &str, data: &str| {
        says(
            &core,
            &format!(r#"{{"event":"{event}","seq":{position},"data":{{"bookId":7,{data}}}}}"#),
        );
    };
    says_of(100, "messageDeleted", r#""messageId":"7-70""#);
    says_of(101, "messageEdited", r#""id":"7-71","seq":71,"content":"edited""#);
    contents[28] = "edited sent".to_owned();
    contents.remove(29);
    assert_eq!(shown(&core), contents.join(", "));
}

#[wasm_bindgen_test]
fn events_without_a_position_pass_as_they_came() {
    let page = Page::new();
    let core = joined(&page);
    says(
        &core,
        r#"{"event":"typing","data":{"bookId":7,"userId":"u2","username":"bob","typing":true}}"#,
    );
    says(&core, r#"{"event":"occupancy","data":{"bookId":7,"count":5000}}"#);
    assert_eq!(
        page.take_calls(),
        r#"[["presence",7,"typing",{"bookId":7,"userId":"u2","username":"bob","typing":true}],["presence",7,"occupancy",{"bookId":7,"count":5000}]]"#
    );
}

#[wasm_bindgen_test]
fn what_is_no_frame_is_dropped() {
    let page = Page::new();
    let core = joined(&page);
    for text in [
        "",
        "{",
        "null",
        "7",
        "[]",
        "{}",
        r#"{"event":7}"#,
        r#"{"event":"message"}"#,
        r#"{"event":"message","data":null}"#,
        r#"{"event":"message","seq":3,"data":{}}"#,
        r#"{"event":"message","seq":3.5,"data":{"bookId":7,"seq":3}}"#,
        r#"{"event":"message","seq":-3,"data":{"bookId":7,"seq":3}}"#,
        r#"{"event":"unheardOf","data":{"bookId":7}}"#,
        r#"{"event":"messageDeleted","seq":3,"data":{"bookId":7,"messageId":"x"}}"#,
        r#"{"event":"resumed","id":1,"data":{}}"#,
    ] {
        says(&core, text);
        assert_eq!(page.take_calls(), "[]", "{text}");
    }
    assert_eq!(shown(&core), "two sent, one sent");
}

#[wasm_bindgen_test]
fn sends_go_out_and_come_back_as_answers() {
    let page = Page::new();
    let core = joined(&page);
    assert_eq!(core.send(7.0, "key", None, Some(" h\u{e9}\"llo ".into()), false), None);
    let frame = r#"[{"event":"message","id":2,"data":{"bookId":7,"content":"hé\"llo","clientMessageId":"key"}}]"#;
    assert_eq!(page.take_sent(), frame);
    says(
        &core,
        r#"{"event":"message","seq":3,"data":{"id":"7-3","seq":3,"bookId":7,"userId":"u1","content":"x","clientMessageId":"key"}}"#,
    );
    let calls = page.take_calls();
    assert!(
        calls.starts_with(r#"[["posted","key",{"id":"7-3""#) && calls.contains(r#"["message",7"#),
        "{calls}"
    );

    core.send(7.0, "other", Some("7-3".into()), Some("y".into()), false);
    says(
        &core,
        r#"{"event":"ack","id":3,"data":{"messageId":"7-3","seq":4,"createdAt":"t","duplicate":false}}"#,
    );
    assert!(page.take_calls().starts_with(r#"[["acked","other",{"messageId":"7-3""#));
    core.send(7.0, "third", Some("7-3".into()), None, false);
    says(
        &core,
        r#"{"event":"error","id":4,"data":{"code":"forbidden","message":"no"}}"#,
    );
    assert_eq!(page.take_calls(), r#"[["refused","third","forbidden","no",null]]"#);

    assert_eq!(
        core.send(7.0, "key", None, Some("  ".into()), false),
        Some("content must be 1 to 4000 characters after trimming")
    );
    assert_eq!(
        core.send(7.0, "key", Some("8-1".into()), None, false),
        Some("messageId must be of this room")
    );
}

#[wasm_bindgen_test]
fn a_call_from_within_a_callback_is_done_after_it() {
    let page = Page::new();
    let core = std::rc::Rc::new(joined(&page));
    let act = Closure::<dyn FnMut(String)>::new({
        let core = core.clone();
        move |name: String| {
            if name == "message" {
                core.send(7.0, "reply", None, Some("pong".into()), false);
                assert_eq!(messages(&core).length(), 3);
                core.leave(7.0);
                core.close();
            }
        }
    });
    page.set_act(act.as_ref().unchecked_ref());
    says(&core, &message(3, "ping"));
    let calls = page.take_calls();
    assert!(
        calls.starts_with(r#"[["message",7,"#) && calls.ends_with(r#"["moved","closed",0,0,"closed"]]"#),
        "{calls}"
    );
    assert!(page.take_sent().contains("pong"));
    page.set_act(&Function::new_no_args(""));
}

#[wasm_bindgen_test]
fn the_largest_numbers_cross_unharmed() {
    let page = Page::new();
    let core = joined(&page);
    let (largest, none) = (9_007_199_254_740_991.0, &JsValue::NULL);
    core.join(largest, none);
    assert!(page.take_sent().contains(r#""bookId":9007199254740991"#));
    core.join(largest + 1.0, none);
    core.join(-1.0, none);
    core.join(0.5, none);
    core.join(f64::NAN, none);
    assert_eq!(page.take_sent(), "[]");
}

#[wasm_bindgen_test]
fn a_socket_that_is_given_up_is_let_go() {
    watch_timers();
    let page = Page::new();
    let core = joined(&page);
    page.ended(4001, "retry in 0 ms");
    assert_eq!(page.take_calls(), r#"[["moved","reconnecting",1,0,""]]"#);
    core.wake(1);
    assert!(page.is_let_go(0), "before the next one");
    page.opened();
    assert!(page.take_sent().contains(r#""after":2,"epoch":"e""#));
    drop(core);
    assert!(page.is_let_go(1));
    assert_eq!(timers_left(), 0);
}

/// By this machine's clock the token is over.
#[wasm_bindgen_test]
fn for_how_long_a_token_was_made_is_read_where_it_says_so() {
    let unsaid = 9_000.0..=10_000.0;
    for (token, until_the_next) in [
        // {"sub":"u1","name":"Zoë???>>>","iat":1000,"exp":1020}: three quarters of it, as it is short.
        (
            "e30.eyJzdWIiOiJ1MSIsIm5hbWUiOiJab8OrPz8_Pj4-IiwiaWF0IjoxMDAwLCJleHAiOjEwMjB9.c2ln",
            14_000.0..=15_000.0,
        ),
        // {"exp":1020}, null, and no tokens of JSON.
        ("e30.eyJleHAiOjEwMjB9.c2ln", unsaid.clone()),
        ("e30.bnVsbA.c2ln", unsaid.clone()),
        ("e30.e3s.c2ln", unsaid.clone()),
        ("\u{e9}.\u{e9}.\u{e9}", unsaid.clone()),
        ("secret", unsaid.clone()),
        ("", unsaid),
    ] {
        watch_timers();
        let page = Page::new();
        let core = Core::new(page.host(), None, None, true, None, false).unwrap_or_else(|_| panic!());
        core.connect();
        page.opened();
        assert!(page.take_calls().ends_with(r#"["token",0]]"#));
        core.token(0, token.into());
        says(
            &core,
            r#"{"event":"authenticated","id":1,"data":{"userId":"u1","username":"u1","expiresAt":"2001-01-01T00:00:00.000Z"}}"#,
        );
        assert!(page.take_calls().contains("connected"), "{token}");
        assert!(until_the_next.contains(&last_timer()), "{token}: {}", last_timer());
        drop(core);
        assert_eq!(timers_left(), 0);
    }
}

#[wasm_bindgen_test]
fn a_room_goes_on_from_a_state_of_the_pages() {
    let state = |text: &str| JSON::parse(text).unwrap_or_default();
    let page = Page::new();
    let core = core(&page);
    core.connect();
    page.opened();
    page.take_sent();
    for nothing in [
        r#"{"epoch":"e","seq":-1,"messages":[],"hasMore":false}"#,
        r#"{"epoch":"e","seq":1,"messages":[null],"hasMore":false}"#,
        r#"{"seq":1,"messages":[],"hasMore":false}"#,
        "7",
    ] {
        core.join(8.0, &state(nothing));
        assert!(!page.take_sent().contains("after"), "{nothing}");
    }
    let text = r#"{"epoch":"e","seq":2,"hasMore":true,"messages":[{"seq":1,"content":"one","status":"sent"}]}"#;
    core.join(7.0, &state(text));
    assert!(page.take_sent().contains(r#""after":2,"epoch":"e""#));
    assert_eq!(shown(&core), "one sent");
    says(
        &core,
        r#"{"event":"resumed","id":5,"data":{"bookId":7,"epoch":"e","seq":2,"events":[],"complete":true,"members":1}}"#,
    );
    assert!(page.take_calls().ends_with(r#"["joined",7,1]]"#));
}

#[wasm_bindgen_test]
fn what_is_taken_back_is_not_told_of() {
    let page = Page::new();
    let core = joined(&page);
    core.send(7.0, "one", None, Some("1".into()), false);
    core.withdraw(7.0, "one");
    core.withdraw(7.0, "no key");
    says(
        &core,
        r#"{"event":"ack","id":2,"data":{"messageId":"7-3","seq":3,"createdAt":"t","duplicate":false}}"#,
    );
    assert_eq!(page.take_calls(), "[]");
}

#[wasm_bindgen_test]
fn what_an_earlier_page_sent_is_recognised() {
    let page = Page::new();
    let core = joined(&page);
    says(
        &core,
        r#"{"event":"message","seq":3,"data":{"id":"7-3","seq":3,"bookId":7,"userId":"u1","content":"x","clientMessageId":"key"}}"#,
    );
    page.take_calls();
    core.send(7.0, "key", None, Some("x".into()), true);
    assert!(page.take_calls().starts_with(r#"[["posted","key",{"id":"7-3""#));
    assert_eq!(page.take_sent(), "[]");
}

#[wasm_bindgen_test]
fn wrong_arguments_are_told() {
    let told = |user: &str, name: &str| {
        let made = Core::new(
            Page::new().host(),
            Some(user.into()),
            Some(name.into()),
            false,
            None,
            false,
        );
        made.err()
            .and_then(|error| JSON::stringify(&error).ok())
            .map(String::from)
            .unwrap_or_default()
    };
    assert_eq!(
        told("", "alice"),
        r#""userId must be 1 to 128 characters without control characters""#
    );
    assert_eq!(
        told("u1", " "),
        r#""username must be 1 to 64 characters without control characters""#
    );
    assert_eq!(told("u1", "alice"), "");
}
