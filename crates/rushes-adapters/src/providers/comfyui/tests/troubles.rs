//! What goes wrong at ComfyUI, and on the way to it.

use super::*;
use crate::providers::in_time::Service;

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_is_asked_once_although_the_answer_is_lost() {
    let stand = Stand::new().await;
    stand.server.plan("prompt", Planned::AnswerLost);
    assert_eq!(stand.picture("a").await.unwrap_err().code, Code::AnswerLost);
    assert_eq!(stand.states("a"), [AttemptState::Unknown]);
    stand.picture("a").await.unwrap();
    assert_eq!((stand.server.taken().len(), stand.states("a")), (1, vec![AttemptState::Done]));
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_is_asked_again_when_nothing_arrived() {
    let stand = Stand::new().await;
    for planned in [Planned::Dropped, Planned::Status(502)] {
        stand.server.plan("prompt", planned);
        assert_eq!(stand.picture("a").await.unwrap_err().code, Code::AnswerLost);
    }
    stand.picture("a").await.unwrap();
    assert_eq!((stand.server.taken().len(), stand.states("a").pop()), (1, Some(AttemptState::Done)));
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_that_was_started_again_makes_anew_what_it_forgot() {
    let mut stand = Stand::new().await;
    stand.server.hold(Hold::Steps(1));
    let service = stand.service();
    // What was ordered is worked on when this program and ComfyUI are killed.
    let under_way = async {
        stand.server.until(|seen| seen.step == 1).await;
        while stand.states("a") != [AttemptState::Submitted] {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        made = stand.picture("a") => panic!("it cannot be over: {made:?}"),
        () = under_way => {}
    }
    stand.server.stop().await;
    let id = prompt_id("a#1");
    // As soon as the connection is known to be broken, looks are made again.
    let fault = loop {
        match Service::<ImageRequest>::look(&service, &id).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault.code, Code::ProviderDown, "nobody answers: {fault}");
    stand.server.start_again().await;
    let fault = stand.picture("a").await.unwrap_err();
    assert!(fault.code == Code::ProviderDown && fault.is_transient(), "{fault}");
    says(&fault, "does not know it any more");
    stand.picture("a").await.unwrap();
    assert_eq!(stand.states("a"), [AttemptState::Failed, AttemptState::Done]);
    assert_eq!((stand.called("prompt"), stand.server.files().len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_goes_on_when_it_is_not_heard() {
    let stand = Stand::new().await;
    stand.server.hold(Hold::Steps(1));
    let cut = async {
        stand.server.until(|seen| seen.step == 1 && seen.sockets == 1).await;
        // From here on nothing is heard any more.
        (0..100).for_each(|_| stand.server.plan("ws", Planned::Status(404)));
        stand.server.cut_sockets();
        stand.server.hold(Hold::History);
        stand.server.until(|seen| seen.step == 30).await;
        stand.server.hold(Hold::Nothing);
    };
    let (made, ()) = tokio::join!(stand.picture("a"), cut);
    made.unwrap();
    stand.picture("b").await.unwrap();
    assert_eq!(stand.server.seen().sockets, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_stops_what_waits_and_what_is_worked_on() {
    let stand = Stand::new().await;
    stand.server.hold(Hold::Steps(1));
    let service = stand.service();
    let stopping = async {
        stand.server.until(|seen| seen.step == 1 && !seen.pending.is_empty()).await;
        let seen = stand.server.seen();
        // One id that was sent twice waits twice, and goes whole.
        let graph = stand.server.taken().remove(0);
        stand.client.order(&seen.pending[0], &graph).await.unwrap();
        assert_eq!(stand.server.seen().pending.len(), 2);
        Service::<ImageRequest>::stop(&service, &seen.pending[0]).await.unwrap();
        assert_eq!((stand.server.seen().pending.len(), stand.called("interrupt")), (0, 0), "the one before goes on");
        Service::<ImageRequest>::stop(&service, seen.running.as_ref().unwrap()).await.unwrap();
        stand.server.until(|seen| seen.running.is_none()).await;
        Service::<ImageRequest>::stop(&service, &prompt_id("nobody ordered this")).await.unwrap();
    };
    let (one, other, ()) = tokio::join!(stand.picture("a"), stand.picture("b"), stopping);
    let faults = [one.unwrap_err(), other.unwrap_err()];
    assert!(faults.iter().any(|fault| fault.to_string().contains("interrupted")), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.to_string().contains("does not know it any more")), "{faults:?}");
    assert_eq!((stand.called("interrupt"), stand.server.files().len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_says_why_it_does_not_take_a_graph() {
    let stand = Stand::new().await;
    let own = [("prompt", json!("x")), ("seed", json!(1)), ("prefix", json!("x"))];
    for (input, value, words) in [
        ("width", json!(4), "Value 4 smaller than min of 16"),
        ("checkpoint", json!("mine.safetensors"), "no ckpt_name \"mine.safetensors\" (it has sd_xl_base_1.0.safetensors)"),
    ] {
        let filled = Graph::sdxl().filled(&own.iter().cloned().chain([(input, value)]).collect()).unwrap();
        let fault = stand.client.order(&prompt_id(input), &filled).await.unwrap_err();
        assert_eq!((fault.code, fault.is_transient()), (Code::ProviderRefused, false));
        says(&fault, words);
        assert_eq!(stand.client.standing(&prompt_id(input)).await.unwrap(), Standing::Nowhere);
    }
    let bare = Stand::on(Machine { models: Vec::new(), ..Machine::default() }).await;
    let fault = bare.picture("a").await.unwrap_err();
    assert_eq!((fault.code, bare.called("prompt")), (Code::ConfigInvalid, 0), "{fault}");
    says(&fault, "no ckpt_name \"sd_xl_base_1.0.safetensors\" (it has none at all); put the file where it looks for it");
    assert_eq!(bare.states("a"), [AttemptState::Failed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_errors_are_told_in_its_words() {
    let stand = Stand::new().await;
    std::fs::File::create(stand.folder.path().join("still.png")).unwrap().set_len(40).unwrap();
    let fault = stand.film("corrupt").await.unwrap_err();
    assert_eq!((fault.code, stand.states("corrupt")), (Code::ProviderRefused, vec![AttemptState::Failed]));
    says(&fault, "9 (LoadImage)");
    says(&fault, "PIL.UnidentifiedImageError: cannot identify image file");
    stand.server.plan("run", Planned::Fails("RuntimeError", "mat1 and mat2 shapes cannot be multiplied".into()));
    says(&stand.picture("a").await.unwrap_err(), "5 (KSampler), exception RuntimeError, provider comfyui): RuntimeError: mat1 and mat2");
    stand.server.plan("run", Planned::OtherSize);
    says(&stand.picture("b").await.unwrap_err(), "64 × 96 pixels were asked for, and it has 72 × 96");
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_out_of_memory_is_freed_and_tried_again() {
    let stand = Stand::new().await;
    stand.server.plan("run", Planned::OutOfMemory);
    let fault = stand.picture("a").await.unwrap_err();
    assert!(fault.is_transient(), "{fault}");
    says(&fault, "torch.OutOfMemoryError");
    assert_eq!(stand.called("free"), 1);
    stand.picture("a").await.unwrap();
    assert_eq!(stand.states("a"), [AttemptState::Failed, AttemptState::Done]);
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_file_that_comes_by_half_is_fetched_again_and_not_made_again() {
    let stand = Stand::new().await;
    stand.server.plan("view", Planned::Half);
    assert_eq!(stand.picture("a").await.unwrap_err().code, Code::ProviderDown);
    assert_eq!(stand.states("a"), [AttemptState::Submitted]);
    stand.picture("a").await.unwrap();
    assert_eq!((stand.server.taken().len(), stand.states("a")), (1, vec![AttemptState::Done]));
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_that_forgot_what_a_killed_program_had_fetched_makes_it_anew() {
    let mut stand = Stand::new().await;
    stand.picture("a").await.unwrap();
    assert_eq!(stand.states("a"), [AttemptState::Done], "and the program is killed before its step is kept");
    stand.server.stop().await;
    stand.server.start_again().await;
    let fault = stand.picture("a").await.unwrap_err();
    assert!(fault.code == Code::ProviderDown && fault.is_transient(), "{fault}");
    stand.picture("a").await.unwrap();
    assert_eq!(stand.states("a"), [AttemptState::Failed, AttemptState::Done]);
    assert_eq!(stand.server.taken().len(), 1, "once since it was started");
}
