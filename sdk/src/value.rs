//! The page's own objects, as the core handles them.

use wasm_bindgen::prelude::*;

use crate::decode::Fields;
use crate::frame::Value;
use crate::view::List;

#[wasm_bindgen]
extern "C" {
    /// An array of messages. Not `Array`, whose methods make more calls than are needed here.
    #[wasm_bindgen(typescript_type = "unknown[]")]
    #[derive(Debug)]
    pub type Messages;
    #[wasm_bindgen(constructor, js_class = "Array")]
    fn new() -> Messages;
    #[wasm_bindgen(method)]
    fn push(this: &Messages, message: &JsValue);
    #[wasm_bindgen(method)]
    fn concat(this: &Messages, older: &Messages) -> Messages;
    #[wasm_bindgen(method)]
    fn splice(this: &Messages, index: usize, removed: usize);
    #[wasm_bindgen(method, js_name = splice)]
    fn exchange(this: &Messages, index: usize, removed: usize, message: &JsValue);
    #[wasm_bindgen(method, setter)]
    fn set_length(this: &Messages, length: usize);
}

impl Value for JsValue {
    type List = Messages;

    fn is_post_of(&self, user_id: &str, client_message_id: &str) -> bool {
        let message: &Fields = self.unchecked_ref();
        message.client_message_id().is_some_and(|key| key == client_message_id)
            && message.user_id().is_some_and(|user| user == user_id)
    }
}

impl Default for Messages {
    fn default() -> Self {
        Self::new()
    }
}

impl List<JsValue> for Messages {
    fn push(&mut self, message: &JsValue) {
        Self::push(self, message);
    }

    fn before(self, older: &Self) -> Self {
        self.concat(older)
    }

    fn replace(&mut self, index: usize, message: &JsValue) {
        self.exchange(index, 1, message);
    }

    fn remove(&mut self, index: usize) {
        self.splice(index, 1);
    }

    fn keep(&mut self, count: usize) {
        self.set_length(count);
    }
}
