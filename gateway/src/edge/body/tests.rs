use std::cell::Cell;
use std::rc::Rc;

use http_body_util::BodyExt;

use super::*;

/// A body with a hook that leaves [`Ended`] where the test can see it.
fn watched(body: Body) -> (Body, Rc<Cell<Option<Ended>>>) {
    let seen = Rc::new(Cell::new(None));
    let place = Rc::clone(&seen);
    (body.on_end(move |ended| place.set(Some(ended))), seen)
}

#[tokio::test]
async fn a_full_body_ends_complete() {
    let (body, seen) = watched(Body::full("hello"));
    assert_eq!(http_body::Body::size_hint(&body).exact(), Some(5));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
    assert_eq!(
        seen.get(),
        Some(Ended {
            complete: true,
            cut: false,
            bytes: 5
        })
    );
}

#[tokio::test]
async fn a_dropped_body_says_so() {
    let (body, seen) = watched(Body::full("hello"));
    drop(body);
    assert_eq!(
        seen.get(),
        Some(Ended {
            complete: false,
            cut: false,
            bytes: 0
        })
    );
}

#[tokio::test]
async fn produced_frames_arrive_in_order_and_wait_for_the_reader() {
    let made = Rc::new(Cell::new(0));
    let count = Rc::clone(&made);
    let (mut body, seen) = watched(Body::produced(|out| async move {
        for number in 0..20 {
            out.send(format!("{number} ").into()).await;
            count.set(number + 1);
            tokio::task::yield_now().await;
        }
        Ok(())
    }));
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "0 "
    );
    assert!(
        made.get() <= FRAMES_AHEAD + 1,
        "made {} frames ahead",
        made.get()
    );
    let rest = body.collect().await.unwrap().to_bytes();
    assert!(rest.starts_with(b"1 2 3") && rest.ends_with(b"18 19 "));
    assert!(seen.get().unwrap().complete);
}

#[tokio::test]
async fn a_cut_comes_after_the_frames_before_it() {
    let (mut body, seen) = watched(Body::produced(|out| async move {
        out.send("partial".into()).await;
        Err(Cut)
    }));
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "partial"
    );
    assert_eq!(body.frame().await.unwrap().unwrap_err(), Cut);
    assert!(body.frame().await.is_none());
    drop(body);
    assert_eq!(
        seen.get(),
        Some(Ended {
            complete: false,
            cut: true,
            bytes: 7
        })
    );
}

#[tokio::test]
async fn dropping_the_body_drops_what_produces_it() {
    struct Guard(Rc<Cell<bool>>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let gone = Rc::new(Cell::new(false));
    let guard = Guard(Rc::clone(&gone));
    let mut body = Body::produced(|out| async move {
        let _guard = guard;
        out.send("first".into()).await;
        std::future::pending().await
    });
    body.frame().await.unwrap().unwrap();
    assert!(!gone.get());
    drop(body);
    assert!(gone.get());
}

#[tokio::test]
async fn both_hooks_run() {
    let (body, first) = watched(Body::empty());
    let (body, second) = watched(body);
    drop(body);
    assert!(first.get().unwrap().complete && second.get().unwrap().complete);
}
