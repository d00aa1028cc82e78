// @ts-check
// Puts a picture that is pasted on the page Photo where chosen files go.

/** Listen for pasted pictures; return what ends that. */
export function mount() {
  document.onpaste = (event) => {
    const input = document.querySelector('[data-testid="stFileUploaderDropzoneInput"]');
    const files = event.clipboardData?.files;
    if (!(input instanceof HTMLInputElement) || !files?.length) return;
    input.files = files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    event.preventDefault();
  };
  return () => {
    document.onpaste = null;
  };
}
