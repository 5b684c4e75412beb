/** Styles are files that the build takes in. */
declare module "*.css";
