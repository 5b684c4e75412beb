/** What the model saw: the frames in a strip, and the clip itself, which a click on a frame brings to its time. */
import { useRef } from "preact/hooks";
import { counted } from "../common/format";
import { Outside } from "../common/outside";
import type { Clip, Medium } from "../payload";
import { Strip } from "./strip";

export function ClipView({ clip }: { clip: Clip }) {
  const players = useRef<(HTMLVideoElement | null)[]>([]);
  const frames = clip.media.reduce((n, medium) => n + medium.frames.length, 0);
  const seek = (medium: number, time: number) => {
    const player = players.current[medium];
    if (player) player.currentTime = time;
  };
  return (
    <section class="clip">
      <h3>
        Frames <span class="n">{counted(frames, "frame")} shown to the model</span>
      </h3>
      <div class="clip-parts">
        <Strip clip={clip} seek={seek} />
        <div class="players">
          {clip.media.map((medium, i) => (
            <Player key={i} medium={medium} hold={(player) => (players.current[i] = player)} />
          ))}
        </div>
      </div>
    </section>
  );
}

const PICTURE = /\.(gif|png|jpe?g|webp|avif)$/i;

function Player({ medium, hold }: { medium: Medium; hold: (player: HTMLVideoElement | null) => void }) {
  const { file, url, span } = medium;
  const [start, end] = span;
  const part = start === null && end === null ? "" : `#t=${start ?? 0}${end === null ? "" : `,${end}`}`;
  return (
    <figure class="player">
      {url === null ? null : PICTURE.test(file) ? (
        <img src={url} alt={`Clip ${file}`} loading="lazy" />
      ) : (
        <video ref={hold} controls muted playsInline preload="none" src={url + part} aria-label={`Clip ${file}`} />
      )}
      <figcaption>
        <Outside text={file} />
        {part && `, ${seconds(start ?? 0)} to ${end === null ? "the end" : seconds(end)}`}
        {url === null && " (the file is no longer there)"}
      </figcaption>
    </figure>
  );
}

export function seconds(time: number): string {
  return `${time.toFixed(2)} s`;
}
