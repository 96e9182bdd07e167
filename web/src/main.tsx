import "./css/main.css";

import { render } from "preact";

import { App } from "./shell/App";
import { findServer } from "./server/session";
import { becomeInstallable } from "./shell/installing";
import { loadStyles } from "./state";

render(<App />, document.getElementById("app")!);
becomeInstallable();
void loadStyles();
void findServer();
