/** VitePress's own theme with the system's fonts: nothing is loaded from elsewhere. */

import theme from "vitepress/theme-without-fonts";
import "./site.css";

export default theme;
