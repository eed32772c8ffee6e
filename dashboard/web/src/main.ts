import { mount } from 'svelte'
import App from './App.svelte'
import './app.css'

const app = document.getElementById('app')!
app.replaceChildren() // the frame that was there while the program came
mount(App, { target: app })
