import "./css/main.css";

import { render } from "preact";

import { App } from "./shell/App";
import { becomeInstallable } from "./shell/installing";
import { loadStyles } from "./state";

render(<App />, document.getElementById("app")!);
becomeInstallable();
void loadStyles();
