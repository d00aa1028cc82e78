// Inline script of every component: import the module that `data.main` names, once, and mount it.
// Streamlit calls the function at each rerun, and what it returns when the component goes away.
let loading = null;

export default function load(component) {
  const { main } = component.data[0];
  // A server with another version may answer later: a page keeps the module it began with.
  loading ??= import(new URL(main, document.baseURI)).catch((fault) => {
    loading = null; // the next rerun tries again
    throw fault;
  });
  const mounted = loading.then((module) => module.mount(component));
  return () => mounted.then((cleanUp) => cleanUp());
}
