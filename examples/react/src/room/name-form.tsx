import { useId, useState, type FormEvent } from "react";

import { NAME_MAX } from "../reader";

interface NameFormProps {
  initial: string;
  action: string;
  onName: (name: string) => void;
  onCancel?: () => void;
}

export function NameForm({ initial, action, onName, onCancel }: NameFormProps) {
  const id = useId();
  const [name, setName] = useState(initial);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (name.trim() !== "") onName(name);
  }

  return (
    <form
      className="field name-form"
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key === "Escape") onCancel?.();
      }}
    >
      <label htmlFor={id}>Your name</label>
      <div className="name-form-row">
        <input
          id={id}
          value={name}
          maxLength={NAME_MAX}
          autoComplete="nickname"
          spellCheck={false}
          required
          autoFocus
          onChange={(event) => setName(event.target.value)}
        />
        <button type="submit" className="button primary">
          {action}
        </button>
      </div>
    </form>
  );
}
