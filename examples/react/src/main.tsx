import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./app";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/cover.css";
import "./styles/shelf.css";
import "./styles/room.css";
import "./styles/rail.css";
import "./styles/gate.css";
import "./styles/about.css";
import "./styles/log.css";
import "./styles/message.css";
import "./styles/own.css";
import "./styles/live.css";
import "./styles/composer.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");

createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
