// Inline script of every component: import the module that `data.main` names, once, and mount it.
// Streamlit calls the function at each rerun, and what it returns when the component goes away.
// Components with the same script share this module, so the imports are kept by name.
const imports = new Map();

export default function load(component) {
  const { module: name, main } = component.data[0];
  // A server with another version may answer later: a page keeps the module it began with.
  if (!imports.has(name)) {
    const loading = import(new URL(main, document.baseURI)).catch((fault) => {
      imports.delete(name); // the next rerun tries again
      console.error(`${main} could not be loaded; reload the page`, fault);
    });
    imports.set(name, loading);
  }
  const mounted = imports.get(name).then((module) => module?.mount(component));
  return () => mounted.then((cleanUp) => cleanUp?.());
}
